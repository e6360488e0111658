// The first screen: what this is, the body with all spots, and the list of them.
import { element } from "../dom.js";
import { map, nameOf, nearest } from "./body.js";
import { dateOf, dueDay, isDue } from "./dates.js";
import { titleOf } from "./files/readable.js";
import { cleared } from "./keep.js";

const FEW = 50; // spots up to which the body is drawn at once

export async function listScreen(diary) {
  const spots = await diary.store.spots(), tone = (await diary.store.setting("tone")) ?? "plain";
  const add = diary.link("diary.spot.add", "new", "primary"), heading = diary.heading(diary.say("diary.title"));
  if (!spots.length) {
    return [heading, element("div", { class: "panel" }, element("p", {}, diary.say("diary.intro")), element("p", {}, diary.say("diary.intro.kept")), ...cleared(diary)),
      element("div", { class: "row" }, add, diary.link("diary.import", "own"))];
  }
  const due = spots.filter(isDue), rest = spots.filter((spot) => !isDue(spot));
  const few = spots.length <= FEW, figure = element("details", { open: few ? "" : null }, element("summary", {}, diary.say("diary.map")));
  const draw = () => { if (figure.children.length === 1) figure.append(map(diary.words, spots, { tone, onTap: (tap) => { const spot = nearest(spots, tap); if (spot) diary.go(`spot/${spot.id}`); } }).node); };
  if (few) draw();
  else figure.addEventListener("toggle", draw);
  return [heading, element("div", { class: "row" }, add, diary.link("diary.doctor", "doctor"), diary.link("diary.own", "own")),
    ...(due.length ? [element("h3", {}, diary.say("diary.due")), listOf(diary, due)] : []),
    ...(rest.length ? [element("h3", {}, diary.say("diary.others")), listOf(diary, rest)] : []),
    figure, element("p", { class: "notice" }, diary.say("notice.screening"))];
}

function listOf(diary, spots) {
  const seen = thumbnails(diary);
  return element("ul", { class: "spots" }, spots.map((spot) => {
    const picture = element("img", { alt: "", width: 72, height: 72, hidden: "" }), day = dueDay(spot);
    if (spot.last) seen(picture, spot.last.id);
    const lines = [element("strong", {}, titleOf(diary.words, spot)), element("span", {}, nameOf(diary.words, spot.place)), element("span", { class: "small" }, lastLine(diary, spot))];
    if (day && isDue(spot)) lines.push(element("span", { class: "due-mark" }, diary.say("diary.due.mark")));
    else if (day) lines.push(element("span", { class: "small" }, diary.say("diary.due.next", { date: dateOf(diary.words, day) })));
    return element("li", {}, element("a", { href: `#spots/spot/${spot.id}` }, element("span", { class: "thumbnail" }, picture), element("span", { class: "lines" }, lines)));
  }));
}

function lastLine(diary, { photos, last }) {
  if (!last) return diary.say("diary.spot.empty");
  const count = diary.say(photos === 1 ? "diary.photos.one" : "diary.photos.many", { count: photos });
  const { score } = last, answer = !score || score.refused ? "" : `${diary.say("format.list")}${diary.say(`band.${score.band}`)}`;
  return diary.say("diary.photos.last", { count, date: dateOf(diary.words, last.taken) }) + answer;
}

/** Loads small pictures only once they come into sight, so that hundreds of spots take no memory. */
export function thumbnails(diary) {
  const wanted = new Map(), watch = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      watch.unobserve(target);
      load(target.querySelector("img"));
    }
  }, { rootMargin: "200px" });
  const load = async (picture) => {
    try {
      picture.src = diary.address(await diary.store.thumbnail(wanted.get(picture)));
      picture.hidden = false;
    } catch { /* thrown away meanwhile in another tab, which tells this one */ }
  };
  diary.onLeave(() => watch.disconnect());
  return (picture, id) => {
    wanted.set(picture, id);
    requestAnimationFrame(() => picture.parentElement && watch.observe(picture.parentElement));
  };
}
