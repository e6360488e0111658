// The photo with the heat drawn over it, and a line that both are compared by.
import { element } from "./dom.js";
import { inUnits, opacityOf } from "./path/reasons.js";

/** A canvas of the photo's working copy. */
export function photoCanvas({ rgb }) {
  const canvas = element("canvas", { width: rgb.width, height: rgb.height });
  const context = canvas.getContext("2d");
  const image = context.createImageData(rgb.width, rgb.height);
  for (let from = 0, to = 0; from < rgb.data.length; from += 3, to += 4) {
    image.data[to] = rgb.data[from];
    image.data[to + 1] = rgb.data[from + 1];
    image.data[to + 2] = rgb.data[from + 2];
    image.data[to + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** Orange where the levels (side × side, -1…1) say that the risk was raised, blue where lowered, for the square the network saw. */
export function heatCanvas(levels, side, strength, looks) {
  const canvas = element("canvas", { width: side, height: side });
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  levels.forEach((level, i) => {
    image.data.set(level > 0 ? looks.raised : looks.lowered, 4 * i);
    image.data[4 * i + 3] = Math.round(255 * opacityOf(level, strength, looks));
  });
  context.putImageData(image, 0, 0);
  return canvas;
}

/** What the colours mean, or that there is nothing to colour: interface/components/result_card.py's `reasons`. */
function explanation(words, found, levels, { noticeable }) {
  const most = levels.reduce((top, level) => Math.max(top, level), -1), least = levels.reduce((low, level) => Math.min(low, level), 1);
  const signs = [["raised", most >= noticeable], ["lowered", least <= -noticeable]].filter(([, there]) => there).map(([sign]) => sign);
  const lines = signs.includes("raised") ? [] : [words.say(found.band === "low" ? "interface.why.none" : "interface.why.whole")];
  if (signs.length) lines.push(words.say("interface.why.line"));
  const key = element("ul", { class: "legend" }, signs.map((sign) => element("li", { class: sign }, words.say(`interface.legend.${sign}`))));
  return { drawn: signs.length > 0, nodes: [...lines.map((line) => element("p", {}, line)), ...(signs.length ? [key] : [])] };
}

/**
 * Why the risk is what it is, in words and in colours where there are any; reasons: of `turned`. strength: the field for
 * how strong the colours are, if any, for a fold further down.
 */
export function why(words, photo, found, reasons, config) {
  const side = config.preprocessing.input_size, levels = inUnits(reasons, side, config);
  const { drawn, nodes } = explanation(words, found, levels, config.overlay);
  const { frame, strength } = drawn ? comparison(words, photo, found, levels, side, config.overlay) : { frame: [], strength: [] };
  return { nodes: [element("h3", {}, words.say("interface.why")), ...nodes, ...frame], strength };
}

/** Before and after over each other, with a slider for the line between them, and the field for the strength. */
function comparison(words, photo, found, levels, side, looks) {
  const before = photoCanvas(photo), after = photoCanvas(photo);
  const scale = photo.rgb.width / photo.width;
  const [left, top, right, bottom] = found.square.map((edge) => edge * scale);
  const draw = (strength) => {
    const context = after.getContext("2d");
    context.drawImage(before, 0, 0);
    context.drawImage(heatCanvas(levels, side, strength, looks), left, top, right - left, bottom - top);
  };
  draw(0.5);
  const line = element("i", { class: "compare-line", "aria-hidden": "true" });
  after.classList.add("compare-after");
  const place = element("input", { type: "range", min: 0, max: 100, value: 20, id: "compare-place", "aria-label": words.say("interface.slider") });
  const frame = element("div", { class: "compare" }, before, after, line, place);
  const show = () => frame.style.setProperty("--place", `${place.value}%`);
  place.addEventListener("input", show);
  show();
  const drag = (event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    const box = frame.getBoundingClientRect();
    place.value = (100 * (event.clientX - box.left)) / box.width;
    show();
  };
  frame.addEventListener("pointerdown", drag);
  frame.addEventListener("pointermove", drag);
  const strength = element("input", { type: "range", min: 0, max: 100, step: 5, value: 50, id: "strength" });
  strength.addEventListener("input", () => draw(strength.value / 100));
  return { frame: [frame], strength: [element("label", { class: "small", for: "strength" }, words.say("interface.strength")), strength] };
}
