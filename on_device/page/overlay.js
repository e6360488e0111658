// The photo with the heat drawn over it, and a line that both are compared by.
import { element } from "./dom.js";
import { heatmap } from "./path/assess.js";
import { INFERNO } from "./inferno.js";

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

/** Colours of inferno whose opacity is the heat times strength (0…1), for the square the network saw. */
export function heatCanvas(cam, side, strength) {
  const canvas = element("canvas", { width: side, height: side });
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  heatmap(cam, side).forEach((heat, i) => {
    image.data.set(INFERNO.subarray(3 * Math.round(heat * 255), 3 * Math.round(heat * 255) + 3), 4 * i);
    image.data[4 * i + 3] = Math.round(255 * strength * heat);
  });
  context.putImageData(image, 0, 0);
  return canvas;
}

/** Before and after over each other, with a slider for the line between them and one for the strength. */
export function comparison(words, photo, found, side) {
  const before = photoCanvas(photo), after = photoCanvas(photo);
  const scale = photo.rgb.width / photo.width;
  const [left, top, right, bottom] = found.square.map((edge) => edge * scale);
  const draw = (strength) => {
    const context = after.getContext("2d");
    context.drawImage(before, 0, 0);
    context.drawImage(heatCanvas(found.cam, side, strength), left, top, right - left, bottom - top);
  };
  draw(0.5);
  const line = element("i", { class: "compare-line", "aria-hidden": "true" });
  after.classList.add("compare-after");
  const frame = element("div", { class: "compare", role: "img", "aria-label": words.say("interface.slider") }, before, after, line);
  const place = element("input", { type: "range", min: 0, max: 100, value: 20, id: "compare-place", "aria-label": words.say("interface.slider") });
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
  return element("div", { class: "comparison" }, frame, place, element("label", { class: "small", for: "strength" }, words.say("interface.strength")), strength);
}
