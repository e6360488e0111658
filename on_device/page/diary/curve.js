// Risk and size over time, as two small drawings with the same figures in words.
import { element } from "../dom.js";
import { dateOf } from "./dates.js";

const SVG = "http://www.w3.org/2000/svg", WIDE = 320, HIGH = 110, ASIDE = 8;

/** A share as "+12%", "−3%" or "0%". */
export function signed(words, share) {
  const percent = Math.round(100 * share);
  return words.say("format.percent", { number: `${percent < 0 ? "−" : percent ? "+" : ""}${Math.abs(percent)}` });
}

/** photos: the oldest first. A curve needs two points. */
export function curves(diary, photos) {
  const { words } = diary, at = (photo) => Date.parse(photo.taken);
  const risks = photos.filter((photo) => photo.scores.at(-1)?.risk !== null && photo.scores.length).map((photo) => ({ time: at(photo), value: photo.scores.at(-1).risk, photo }));
  const first = photos.find((photo) => photos.some((other) => other.size?.against === photo.id));
  const sizes = first ? photos.filter((photo) => photo === first || photo.size?.against === first.id).map((photo) => ({ time: at(photo), value: photo === first ? 1 : photo.size.ratio, photo })) : [];
  return [
    ...curve(diary, "diary.curve.risk", risks, [0, 1], (value) => words.percent(value)),
    ...curve(diary, "diary.curve.size", sizes, [Math.min(0.5, ...sizes.map(({ value }) => value)), Math.max(1.5, ...sizes.map(({ value }) => value))], (ratio) => signed(words, ratio - 1)),
  ];
}

function curve(diary, key, points, [low, high], write) {
  if (points.length < 2) return [];
  const from = points[0].time, span = Math.max(points.at(-1).time - from, 1);
  const place = ({ time, value }) => [ASIDE + ((WIDE - 2 * ASIDE) * (time - from)) / span, HIGH - ASIDE - ((HIGH - 2 * ASIDE) * (value - low)) / (high - low)];
  const svg = document.createElementNS(SVG, "svg"), told = points.map((point) => `${dateOf(diary.words, point.photo.taken)}: ${write(point.value)}`);
  const draw = (name, attributes) => { const node = document.createElementNS(SVG, name); for (const [attribute, value] of Object.entries(attributes)) node.setAttribute(attribute, value); svg.append(node); };
  for (const [name, value] of Object.entries({ viewBox: `0 0 ${WIDE} ${HIGH}`, class: "curve", role: "img", "aria-label": `${diary.say(key)}: ${told.join(diary.say("format.list"))}` })) svg.setAttribute(name, value);
  draw("path", { class: "ground", d: `M${ASIDE} ${HIGH - ASIDE}H${WIDE - ASIDE}M${ASIDE} ${ASIDE}V${HIGH - ASIDE}` });
  draw("polyline", { points: points.map((point) => place(point).map((x) => x.toFixed(1)).join()).join(" ") });
  for (const point of points) { const [cx, cy] = place(point); draw("circle", { cx: cx.toFixed(1), cy: cy.toFixed(1), r: 4 }); }
  const ends = [told[0], told.at(-1)].map((text) => element("span", { dir: diary.words.direction }, text));
  return [element("figure", { class: "curve-figure" }, element("figcaption", {}, diary.say(key)), svg, element("div", { class: "ends small", "aria-hidden": "true" }, ends))];
}
