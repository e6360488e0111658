// What to say over the camera's picture while the visitor aims: one hint at a time, the most pressing first.
import { grey } from "../pixels/colour.js";
import { BRIGHTEST, DARKEST, MOST_GLARE, glare, segment } from "./quality.js";

export const HINTS = ["too_dark", "too_bright", "glare", "no_mole", "centre", "closer", "still", "ready"];
/** Share of the picture's short side that the ring's radius takes. */
export const RING = 0.36;
const CLOSE_ENOUGH = 0.25;
/** Mean change of lightness (0…255) between two looks that a held hand stays below. */
const MOST_MOTION = 5;

/**
 * One look at a small square picture (RGB). before: the lightness returned by the look before, or null.
 * Returns the hint's code and this look's lightness.
 */
export function look(rgb, before) {
  const lightness = grey(rgb).data;
  return { hint: hintFor(rgb, lightness, before), lightness };
}

function hintFor(rgb, lightness, before) {
  const counts = new Int32Array(256);
  for (const level of lightness) counts[level]++;
  const below = (share) => {
    let level = 0;
    for (let seen = counts[0]; seen < share * lightness.length; seen += counts[level]) level++;
    return level;
  };
  if (below(0.9) < DARKEST) return "too_dark";
  if (below(0.1) > BRIGHTEST) return "too_bright";
  if (glare(rgb) > MOST_GLARE) return "glare";
  const found = segment(rgb);
  if (!found) return "no_mole";
  const [left, top, right, bottom] = found.box;
  if (Math.hypot((left + right) / 2 - 0.5, (top + bottom) / 2 - 0.5) > RING / 2) return "centre";
  if (found.alone && found.extent < CLOSE_ENOUGH) return "closer";
  if (before && motion(lightness, before) > MOST_MOTION) return "still";
  return "ready";
}

function motion(now, before) {
  let sum = 0;
  for (let i = 0; i < now.length; i++) sum += Math.abs(now[i] - before[i]);
  return sum / now.length;
}
