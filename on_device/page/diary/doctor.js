// One page for the doctor: chosen spots with their place, photos by date and answers, to be printed or saved as a PDF by
// the browser itself, so that nothing leaves the device and every language's letters are right.
import { element } from "../dom.js";
import { captioned, figure, nameOf } from "./body.js";
import { signed } from "./curve.js";
import { dateOf, today } from "./dates.js";
import { scoreLine, signsOf, titleOf } from "./files/readable.js";

const MOST_PHOTOS = 6; // of a spot: the first, and the latest ones

export async function doctorScreen(diary) {
  const { words, store } = diary, spots = (await store.spots()).filter(({ photos }) => photos > 0), tone = (await store.setting("tone")) ?? "plain";
  const heading = diary.heading(diary.say("diary.doctor"));
  if (!spots.length) return [heading, element("p", {}, diary.say("diary.spot.empty"))];
  const paper = element("article", { class: "paper", id: "paper" });
  const boxes = spots.map((spot) => {
    const box = element("input", { type: "checkbox", value: spot.id });
    box.checked = spots.length <= 3;
    box.addEventListener("change", draw);
    return element("label", { class: "sign" }, box, element("span", {}, titleOf(words, spot)));
  });
  const print = diary.button("diary.doctor.print", () => print_(paper), "primary");
  let drawing = 0;
  async function draw() {
    const mine = ++drawing, chosen = spots.filter((spot, number) => boxes[number].querySelector("input").checked);
    print.disabled = true;
    const nodes = chosen.length ? await pageOf(diary, chosen, tone) : [element("p", {}, diary.say("diary.doctor.none"))];
    if (mine !== drawing) return;
    paper.replaceChildren(...nodes);
    print.disabled = !chosen.length;
    paper.dataset.spots = chosen.length;
  }
  await draw();
  return [heading, element("div", { class: "panel no-print" }, element("p", {}, diary.say("diary.doctor.line")), element("fieldset", { class: "signs" }, element("legend", {}, diary.say("diary.doctor.which")), boxes), element("div", { class: "row" }, print)), paper];

  async function print_(node) {
    await Promise.all([...node.querySelectorAll("img")].map((picture) => picture.decode().catch(() => {})));
    window.print();
  }
}

async function pageOf(diary, spots, tone) {
  const { words } = diary, sides = ["front", "back"].filter((side) => spots.some(({ place }) => place?.side === side));
  const head = [element("h1", {}, diary.say("interface.title")), element("p", {}, diary.say("diary.doctor.made", { date: dateOf(words, today()) })), element("p", {}, diary.say("notice.screening"))];
  const maps = element("div", { class: "paper-maps" }, sides.map((side) => captioned(words, side, figure(words, side, spots.filter(({ place }) => place?.side === side).map(({ place, number }) => ({ ...place, number })), tone))));
  const sections = [];
  for (const spot of spots) {
    const photos = await diary.store.photosOf(spot.id), shown = photos.length > MOST_PHOTOS ? [photos[0], ...photos.slice(1 - MOST_PHOTOS)] : photos;
    const figures = await Promise.all(shown.map((photo) => figureOf(diary, photo)));
    const left = photos.length - shown.length;
    sections.push(element("section", {}, element("h2", {}, titleOf(words, spot)), element("p", {}, nameOf(words, spot.place)), element("div", { class: "paper-photos" }, figures), left ? element("p", { class: "small" }, diary.say("diary.doctor.left", { count: left })) : null));
  }
  return [...head, maps, ...sections];
}

async function figureOf(diary, photo) {
  const { words } = diary, date = dateOf(words, photo.taken), lines = [scoreLine(words, photo.scores.at(-1))];
  if (photo.size) lines.push(diary.say("diary.doctor.size", { percent: signed(words, photo.size.ratio - 1) }));
  if (photo.signs.length) lines.push(signsOf(words, photo));
  if (photo.note) lines.push(photo.note);
  const picture = element("img", { alt: diary.say("diary.photo.alt", { date }), src: diary.address(await diary.store.picture(photo)) });
  return element("figure", {}, picture, element("figcaption", {}, element("strong", {}, date), ...lines.map((line) => element("span", { dir: "auto" }, line))));
}
