// Two photos of one spot: beside each other, laid over each other, and measured, as the app's tab "Compare" does it.
import { download } from "../download.js";
import { element } from "../dom.js";
import { compare, holds, logOdds, shoot } from "../lesion/comparison.js";
import { SIZE } from "../lesion/outline.js";
import { signed } from "./curve.js";
import { datesOf } from "./dates.js";
import { titleOf } from "./files/readable.js";
import { largePhoto } from "./spot.js";
import { DiaryProblem } from "./storage/problem.js";

const SHORT_DATE = 14; // letters that a list of half a phone's width shows
const MOST_SHOTS = 3; // held at a time: each with some megabytes of features

let outlining = null;

/** The network that outlines, loaded once, and the limits; throws DiaryProblem "no_network". */
async function outliner({ services }) {
  const open = async () => {
    if (!services.network()) throw new DiaryProblem("no_network");
    const { downloads, version } = services.release(), limits = await (await fetch(new URL("diary.json", services.here))).json();
    const [{ openOutline }, bytes] = await Promise.all([import("../network.js"), download(new URL(downloads.outline.file, services.here).href, downloads.outline, version, () => {})]);
    return { probabilities: await openOutline(bytes, SIZE), limits: limits.limits };
  };
  outlining ??= open().catch((problem) => { outlining = null; throw problem instanceof DiaryProblem ? problem : new DiaryProblem("no_network", problem); });
  return outlining;
}

/** Outlines a diary's photos, each once while it is among the last that were asked for. */
export class Shots {
  constructor(diary) { Object.assign(this, { diary, held: new Map() }); }

  async of(photo) {
    const held = this.held.get(photo.id);
    if (held) return held;
    const { services, store } = this.diary, { probabilities } = await outliner(this.diary);
    const opened = await services.open(await store.picture(photo)).catch((problem) => { throw new DiaryProblem("unreadable", problem); }), score = photo.scores.at(-1);
    const shot = await shoot(opened.rgb, score?.risk ?? null, score?.network, probabilities, this.diary.config.border_triples);
    if (this.held.size >= MOST_SHOTS) this.held.delete([...this.held.keys()].at(-1)); // the first photo stays: all are compared with it
    this.held.set(photo.id, shot);
    return shot;
  }

  async compared(before, after) {
    const { limits } = await outliner(this.diary), shots = [await this.of(before), await this.of(after)];
    return { ...compare(...shots, limits, this.diary.config.border_triples), limits };
  }
}

export async function changeScreen(diary, id) {
  const { store, words } = diary, [spot, photos] = [await store.spot(id), await store.photosOf(id)], heading = diary.heading(diary.say("diary.change"));
  if (photos.length < 2) return [heading, element("p", {}, diary.say("diary.change.two"))];
  const shots = new Shots(diary), answer = element("div", { id: "change", "aria-live": "polite" });
  const named = datesOf(words, photos);
  const list = (chosen, name) => {
    const select = element("select", { id: `change-${name}` }, photos.map((photo, at) => element("option", { value: photo.id }, named[at])));
    select.value = chosen.id;
    select.addEventListener("change", show);
    return [select, element("label", { class: "field" }, element("span", {}, diary.say(`compare.${name}`)), select)];
  };
  const [before, first] = list(photos.at(-2), "before"), [after, second] = list(photos.at(-1), "after");
  let showing = 0, stays = true;
  async function show() {
    const mine = ++showing, pair = [before, after].map(({ value }) => photos.find((photo) => photo.id === value));
    delete answer.dataset.verdict;
    const dates = pair.map((photo) => named[photos.indexOf(photo)]);
    const beside = element("div", { class: "beside" }, await Promise.all(pair.map(async (photo, i) => element("figure", {}, await largePhoto(diary, photo, dates[i]), element("figcaption", {}, dates[i])))));
    const wait = element("p", { class: "busy" }, diary.say("diary.change.looking"));
    if (mine !== showing) return;
    answer.replaceChildren(beside, ...(pair[0] === pair[1] ? [] : [wait]));
    if (pair[0] === pair[1]) return;
    // The photos are on the screen before the page is busy.
    await new Promise((done) => { requestAnimationFrame(() => setTimeout(done)); });
    try {
      const both = await shots.compared(...pair);
      if (mine !== showing) return;
      answer.replaceChildren(verdict(diary, both), ...laidOver(diary, both, dates), beside);
      Object.assign(answer.dataset, { verdict: both.changes.length ? "changed" : both.isMeasured ? "none" : "unknown", alignment: both.alignment.kind });
      await remember(diary, pair, both);
    } catch (problem) {
      if (mine === showing) answer.replaceChildren(diary.warning(problem), beside);
    }
  }
  show();
  const bar = element("progress", { max: photos.length - 1, value: 0, "aria-label": diary.say("diary.change.all"), hidden: "" });
  const all = diary.button("diary.change.all", async () => {
    let measured = 0;
    bar.hidden = false;
    for (const photo of photos.slice(1)) {
      const both = await shots.compared(photos[0], photo);
      if (!stays) return;
      if (await remember(diary, [photos[0], photo], both)) measured++;
      bar.value++;
    }
    if (!measured) diary.tell("diary.change.all.none");
    diary.go(`spot/${id}`);
  });
  diary.onLeave(() => { showing++; stays = false; });
  return [heading, element("p", {}, titleOf(words, spot)), element("div", { class: named.some((date) => date.length > SHORT_DATE) ? "pair long" : "pair" }, first, second), answer, element("div", { class: "row" }, all), bar, element("p", { class: "small" }, diary.say("diary.change.all.line"))];
}

/** Keeps how large the spot was against another photo, for the curve; whether that could be told. */
async function remember(diary, [before, after], { sizeRatio }) {
  if (sizeRatio === null || before.taken > after.taken) return false;
  await diary.quietly(() => diary.store.changePhoto(after.id, { size: { against: before.id, ratio: sizeRatio } }));
  return true;
}

// --- in words, as interface/tabs/compare.py says it -------------------------------------------------------------------
function verdict(diary, both) {
  const { words } = diary, { alignment, changes, differences, isMeasured } = both, say = (key, values) => words.say(key, values);
  const title = changes.length ? say("compare.verdict.changed", { what: changes.map((name) => say(`compare.what.${name}`)).join(say("format.list")) }) : say(isMeasured ? "compare.verdict.none" : "compare.verdict.unknown");
  const lines = [];
  if (!isMeasured) lines.push(say(alignment.reason ? `compare.reason.${alignment.reason}` : "compare.uncertain"));
  else if (!("size" in differences)) lines.push(say([both.before, both.after].some(({ outline }) => outline?.isCut) ? "compare.size.cut" : "compare.size.unknown"));
  if (alignment.kind !== "features") lines.push(say("compare.same_spot"));
  const items = Object.keys(differences).map((name) => {
    const mark = changes.includes(name) ? "changed" : "chance";
    return element("li", { "data-mark": mark, "data-measure": name }, element("strong", {}, say(`compare.what.${name}`)), " ", element("em", {}, say(`compare.mark.${mark}`)), element("span", {}, measure(words, both, name)));
  });
  return element("section", { class: "answer", "data-kind": "compare" }, element("h2", {}, element("span", {}, title)), lines.map((line) => element("p", {}, line)), element("p", { class: "small" }, say(`compare.aligned.${alignment.kind}`)),
    element("p", { class: "next" }, element("strong", {}, say("interface.next_step")), " ", say("compare.next")), isMeasured && !changes.length ? element("p", {}, say("compare.not_harmless")) : null,
    items.length ? element("ul", { class: "measures" }, items) : null, element("p", { class: "notice" }, say("notice.screening")));
}

const number = (words, value, digits = 0) => value.toFixed(digits).replace(".", words.say("format.decimal"));

function measure(words, both, name) {
  const { limit } = both.limits.limits[name], { before, after } = both, say = (values) => words.say(`compare.measure.${name}`, values);
  if (name === "size") return say({ percent: signed(words, both.sizeRatio - 1), low: signed(words, Math.exp(-limit) - 1), high: signed(words, Math.exp(limit) - 1) });
  if (name === "shape") return say({ before: number(words, 100 * before.asymmetry), after: number(words, 100 * after.asymmetry), limit: number(words, 100 * limit) });
  if (name === "colour") return say({ difference: number(words, both.differences.colour, 1), limit: number(words, limit, 1) });
  const [low, high] = [-1, 1].map((sign) => words.percent(1 / (1 + Math.exp(-(logOdds(before.risk) + sign * limit)))));
  return say({ before: words.percent(before.risk), after: words.percent(after.risk), low, high });
}

// --- laid over each other ---------------------------------------------------------------------------------------------
function laidOver(diary, both, dates) {
  const { before, after, alignment } = both, said = diary.say("diary.change.slider", { before: dates[0], after: dates[1] });
  if (alignment.kind === "none") return [];
  const below = outlined(diary, before, both.limits), above = element("canvas", { width: below.width, height: below.height, class: "compare-after" }), context = above.getContext("2d"), [a, b, x, c, d, y] = alignment.matrix;
  // The matrix counts from the middle of the first pixel, a canvas from its corner.
  context.setTransform(a, c, b, d, x + 0.5 - (a + b) / 2, y + 0.5 - (c + d) / 2);
  context.drawImage(outlined(diary, after, both.limits), 0, 0);
  const frame = element("div", { class: "compare", role: "img", "aria-label": said }, below, above, element("i", { class: "compare-line", "aria-hidden": "true" }));
  const slider = element("input", { type: "range", min: 0, max: 100, value: 50, id: "change-place" }), show = () => frame.style.setProperty("--place", `${slider.value}%`);
  slider.addEventListener("input", show);
  frame.addEventListener("pointermove", (event) => {
    if (!event.buttons) return;
    const { left, width } = frame.getBoundingClientRect();
    slider.value = (100 * (event.clientX - left)) / width;
    show();
  });
  show();
  return [element("div", { class: "comparison" }, frame, element("label", { class: "small", for: "change-place" }, said), slider)];
}

/** The photo with its outline, where that holds, in white on teal. */
function outlined(diary, shot, limits) {
  const canvas = diary.services.canvasOf({ rgb: shot.rgb });
  if (!holds(shot, limits)) return canvas;
  const { mask, width, height } = shot.outline, context = canvas.getContext("2d"), thick = Math.max(1, Math.round(Math.min(width, height) / 250));
  const rim = (reach, colour) => {
    context.fillStyle = colour;
    for (let y = 1; y < height - 1; y++) {
      for (let x = 1; x < width - 1; x++) {
        const at = y * width + x;
        if (mask[at] && !(mask[at - 1] && mask[at + 1] && mask[at - width] && mask[at + width])) context.fillRect(x - reach, y - reach, 2 * reach + 1, 2 * reach + 1);
      }
    }
  };
  rim(2 * thick, "#0f766e");
  rim(thick >> 1, "#fff");
  return canvas;
}
