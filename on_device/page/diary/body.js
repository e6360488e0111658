// The body map: a plain figure from the front and from the back, on which a spot lies at a place {side, x, y} (shares of
// the figure's width and height). Every place also has a name, so that a list does what a tap does.
import { element } from "../dom.js";

const SVG = "http://www.w3.org/2000/svg", WIDE = 200, HIGH = 400, MIDDLE = 100, NEAR = 12, MISSED = 14, TAPPED = 24;
const ZOOMS = [1, 2, 3];
/** Numbers of spots that lie closer than this are written beside each other, not over each other. */
const CLOSE = 14, MOST_NUMBERS = 3;
/** Colours of skin from light to dark, and none: the figure of the page's own grey. */
export const TONES = ["plain", "#f6e0d0", "#e8c4a2", "#c99a6f", "#a06a42", "#6f4527", "#432818"];
/** Parts of one half, at the reader's left: [code, x0, y0, x1, y1, thickness] of a limb or of an oval's long middle line. */
const LIMBS = [
  ["upper_arm", 57, 106, 43, 160, 24], ["forearm", 40, 170, 31, 220, 19], ["hand", 27, 238, 24, 250, 19],
  ["thigh", 82, 232, 80, 296, 35], ["lower_leg", 79, 308, 78, 362, 25], ["foot", 76, 384, 68, 388, 18],
];
const HEAD = [["head", 100, 30, 100, 48, 44], ["neck", 100, 72, 100, 80, 24]];
const TORSO = { front: [["chest", 118], ["belly", 172], ["groin", 212]], back: [["upper_back", 118], ["lower_back", 172], ["buttocks", 212]] };
const TORSO_PATH = "M60 96Q100 76 140 96L134 170Q131 190 134 232Q100 240 66 232Q69 190 66 170Z";
const TORSO_ENDS = [150, 198]; // where the chest ends, and the belly

/** The parts that lie where the reader sees them: [code, half, x0, y0, x1, y1, thickness]; half: -1 left, 0, 1 right. */
const PARTS = [
  ...HEAD.map(([code, ...line]) => [code, 0, ...line]),
  ...LIMBS.flatMap(([code, x0, y0, x1, y1, thick]) => [[code, -1, x0, y0, x1, y1, thick], [code, 1, WIDE - x0, y0, WIDE - x1, y1, thick]]),
];

function away(x, y, [, , x0, y0, x1, y1, thick]) {
  const dx = x1 - x0, dy = y1 - y0, along = Math.min(Math.max(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0), 1);
  return Math.hypot(x - x0 - along * dx, y - y0 - along * dy) - thick / 2;
}

function awayFromTorso(x, y) {
  const half = y < 96 ? 36 : y < 170 ? 37 : 34;
  return Math.max(Math.abs(x - MIDDLE) - half, 88 - y, y - 234);
}

/** The code of a place's part, and its half: "left", "right" (the person's own) or "middle". Null beside the figure. */
export function partAt({ side, x, y }) {
  const at = [x * WIDE, y * HIGH];
  let best = awayFromTorso(...at), code = TORSO[side][at[1] < TORSO_ENDS[0] ? 0 : at[1] < TORSO_ENDS[1] ? 1 : 2][0];
  for (const part of PARTS) {
    const distance = away(...at, part);
    if (distance < best) [best, code] = [distance, part[0]];
  }
  if (best > MISSED) return null;
  const middle = Math.abs(at[0] - MIDDLE) < (["head", "neck"].includes(code) ? NEAR / 2 : NEAR) && !LIMBS.some(([limb]) => limb === code);
  return { code, half: middle ? "middle" : (at[0] < MIDDLE) === (side === "front") ? "right" : "left" };
}

/** Every part of a side with a place in its middle, for a list. */
export function placesOf(side) {
  const at = (x, y) => ({ side, x: x / WIDE, y: y / HIGH });
  const torso = TORSO[side].flatMap(([, y]) => [at(MIDDLE, y), at(MIDDLE - 22, y), at(MIDDLE + 22, y)]);
  return [at(100, 38), at(87, 38), at(113, 38), at(100, 76), ...torso, ...PARTS.slice(HEAD.length).map(([, , x0, y0, x1, y1]) => at((x0 + x1) / 2, (y0 + y1) / 2))];
}

export function nameOf(words, place) {
  const part = place && partAt(place);
  if (!part) return words.say("diary.place.unknown");
  return words.say("diary.place", { part: words.say(`diary.part.${part.code}`), half: words.say(`diary.half.${part.half}`), side: words.say(`diary.side.${place.side}`) });
}

/** The spot that a tap on the map means, or undefined where it hits none. */
export function nearest(spots, { side, x, y }) {
  const away = ({ place }) => Math.hypot((place.x - x) * WIDE, (place.y - y) * HIGH);
  return spots.filter((spot) => spot.place?.side === side && away(spot) < TAPPED).sort((one, other) => away(one) - away(other))[0];
}

function shape(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

/** The figure, with dots at the places, and above each the number of its spot where it has one. tone: of TONES. */
export function figure(words, side, places, tone = "plain") {
  const svg = shape("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, class: "figure", role: "img", "aria-label": words.say(`diary.figure.${side}`) });
  if (tone !== "plain") svg.style.setProperty("--skin", tone);
  const body = (kind) => {
    const group = shape("g", { class: kind });
    group.append(shape("path", { d: TORSO_PATH, class: "torso" }));
    for (const [, , x0, y0, x1, y1, thick] of PARTS) group.append(shape("path", { d: `M${x0} ${y0}L${x1} ${y1}`, "stroke-width": kind === "rim" ? thick + 3 : thick }));
    return group;
  };
  svg.append(body("rim"), body("skin"));
  const marks = side === "front" ? "M91 36h4M105 36h4M94 52q6 5 12 0M100 183v3M80 132q8 6 14 0M106 132q8 6 14 0" : "M100 104v84M100 206v26";
  svg.append(shape("path", { class: "marks", d: marks }));
  const texts = [];
  for (const { x, y, chosen, number } of places) {
    const at = { x: x * WIDE, y: y * HIGH };
    svg.append(shape("circle", { cx: at.x, cy: at.y, r: chosen ? 6 : 4, class: chosen ? "dot chosen" : "dot" }));
    if (!number) continue;
    const close = texts.find((text) => Math.abs(text.x - at.x) < CLOSE && Math.abs(text.y - at.y) < CLOSE);
    if (close) close.numbers.push(number);
    else texts.push({ ...at, numbers: [number] });
  }
  for (const { x, y, numbers } of texts) {
    const text = shape("text", { x, y: y - 7, "text-anchor": "middle", class: "dot-number" });
    text.append(numbers.length > MOST_NUMBERS ? `${numbers.slice(0, MOST_NUMBERS).join(", ")}…` : numbers.join(", "));
    svg.append(text);
  }
  return svg;
}

/** A side with its name above, and which half is the person's left and right. */
export function captioned(words, side, drawn) {
  const ends = side === "front" ? ["right", "left"] : ["left", "right"];
  return element("figure", {}, element("figcaption", {}, element("span", {}, words.say(`diary.half.${ends[0]}`)), element("strong", {}, words.say(`diary.side.${side}`)), element("span", {}, words.say(`diary.half.${ends[1]}`))), drawn);
}

/**
 * Both sides, with buttons to see them from nearer. spots: {place, …}. onTap: called with the side, x and y of a tap; null
 * for a map that is only looked at.
 */
export function map(words, spots, { tone, onTap, sides = ["front", "back"] }) {
  const views = element("div", { class: "figures" });
  let zoom = 0;
  const draw = (chosen = null) => views.replaceChildren(...sides.map((side) => {
    const dots = spots.filter(({ place }) => place?.side === side).map(({ place, number }) => ({ ...place, number }));
    if (chosen?.side === side) dots.push({ ...chosen, chosen: true });
    const drawn = figure(words, side, dots, tone);
    if (onTap) drawn.addEventListener("click", (event) => onTap({ side, ...within(drawn, event) }));
    const window_ = element("div", { class: "figure-window", tabindex: zoom ? "0" : null, role: zoom ? "group" : null, "aria-label": zoom ? words.say(`diary.side.${side}`) : null }, drawn);
    drawn.style.setProperty("--zoom", ZOOMS[zoom]);
    return captioned(words, side, window_);
  }));
  let chosen = null;
  const show = (place, seen = sides.map((_, at) => middleOf(views, at))) => {
    chosen = place;
    draw(place);
    if (zoom) seen.forEach((middle, at) => centre(views, at, place?.side === sides[at] ? place : middle));
  };
  const zoomBy = (step) => { zoom = Math.min(Math.max(zoom + step, 0), ZOOMS.length - 1); for (const [button, end] of [[nearer, ZOOMS.length - 1], [further, 0]]) button.disabled = zoom === end; show(chosen); };
  const nearer = element("button", { type: "button", class: "lg secondary" }, words.say("diary.map.nearer")), further = element("button", { type: "button", class: "lg secondary", disabled: "" }, words.say("diary.map.further"));
  nearer.addEventListener("click", () => zoomBy(1));
  further.addEventListener("click", () => zoomBy(-1));
  draw();
  return { node: element("div", { class: "body-map" }, views, element("div", { class: "row" }, further, nearer)), show };
}

function within(svg, { clientX, clientY }) {
  const box = svg.getBoundingClientRect(), scale = Math.min(box.width / WIDE, box.height / HIGH);
  return { x: (clientX - box.left - (box.width - WIDE * scale) / 2) / (WIDE * scale), y: (clientY - box.top - (box.height - HIGH * scale) / 2) / (HIGH * scale) };
}

/** What lies in the middle of a side's window, in shares of the figure. */
function middleOf(views, at) {
  const { scrollLeft, scrollTop, clientWidth, clientHeight, scrollWidth, scrollHeight } = views.children[at].querySelector(".figure-window");
  return { x: (scrollLeft + clientWidth / 2) / (scrollWidth || 1), y: (scrollTop + clientHeight / 2) / (scrollHeight || 1) };
}

function centre(views, at, { x, y }) {
  const window_ = views.children[at]?.querySelector(".figure-window");
  if (!window_) return;
  window_.scrollLeft = x * window_.scrollWidth - window_.clientWidth / 2;
  window_.scrollTop = y * window_.scrollHeight - window_.clientHeight / 2;
}

/** The map and the list that choose one place; onChoose: called with it. */
export function chooser(words, { place, others, tone, onChoose }) {
  const named = element("select", { id: "place-list" }, element("option", { value: "" }, words.say("diary.place.choose")));
  const places = { front: placesOf("front"), back: placesOf("back") };
  for (const side of ["front", "back"]) {
    named.append(element("optgroup", { label: words.say(`diary.side.${side}`) }, places[side].map((at, number) => element("option", { value: `${side} ${number}` }, nameOf(words, at)))));
  }
  const told = element("p", { class: "chosen-place", role: "status" });
  const kept = element("input", { type: "hidden", id: "place" }); // the place, for whoever draws the page anew
  const choose = (at) => {
    kept.value = at ? JSON.stringify(at) : "";
    shown.show(at);
    told.textContent = at ? nameOf(words, at) : "";
    onChoose(at);
  };
  const tapped = (at) => {
    if (!partAt(at)) return;
    named.value = "";
    choose(at);
  };
  const shown = map(words, others, { tone, onTap: tapped });
  named.addEventListener("change", () => { const [side, number] = named.value.split(" "); choose(named.value ? places[side][Number(number)] : null); });
  kept.addEventListener("change", () => choose(kept.value ? JSON.parse(kept.value) : null));
  if (place) { shown.show(place); told.textContent = nameOf(words, place); kept.value = JSON.stringify(place); }
  return element("div", { class: "place" }, element("p", {}, words.say("diary.map.line")), shown.node, element("label", { class: "field" }, element("span", {}, words.say("diary.place.list")), named), kept, told);
}
