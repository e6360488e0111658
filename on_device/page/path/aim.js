// What to say over the camera's picture while the visitor aims: one hint at a time, the most pressing first.
import { grey } from "../pixels/colour.js";
import { findRegion } from "./locate.js";
import { BRIGHTEST, DARKEST, MOST_GLARE, glare } from "./quality.js";

/** Share of the picture's short side that the ring's radius takes. */
export const RING = 0.36;
const CLOSE_ENOUGH = 0.25;
/** Mean change of lightness (0…255) between two looks that a held hand stays below. */
const MOST_MOTION = 5;

/**
 * One look at a square picture (RGB). before: the lightness returned by the look before, or null. locate: a picture to
 * the locator's answer; undefined before that has loaded. Returns the hint's code and this look's lightness.
 */
export async function look(rgb, before, config, locate) {
  const lightness = grey(rgb).data;
  const hint = lightHint(rgb, lightness) ?? (locate ? await spotHint(rgb, config, locate) : "loading")
    ?? (before && motion(lightness, before) > MOST_MOTION ? "still" : "ready");
  return { hint, lightness };
}

function lightHint(rgb, lightness) {
  const counts = new Int32Array(256);
  for (const level of lightness) counts[level]++;
  const below = (share) => {
    let level = 0;
    for (let seen = counts[0]; seen < share * lightness.length; seen += counts[level]) level++;
    return level;
  };
  if (below(0.9) < DARKEST) return "too_dark";
  if (below(0.1) > BRIGHTEST) return "too_bright";
  return glare(rgb) > MOST_GLARE ? "glare" : null;
}

async function spotHint(rgb, config, locate) {
  // Also for a network that judges the centre, the spot has to be there.
  const preprocessing = { ...config.preprocessing, square: "spot" };
  const { spots: [spot], showsSkin } = await findRegion(rgb, null, { ...config, preprocessing }, locate);
  if (!showsSkin) return "no_skin";
  if (!spot) return "no_mole";
  const [left, top, right, bottom] = spot.box.map((side) => side / rgb.width);
  if (Math.hypot((left + right) / 2 - 0.5, (top + bottom) / 2 - 0.5) > RING / 2) return "centre";
  return Math.max(right - left, bottom - top) < CLOSE_ENOUGH ? "closer" : null;
}

function motion(now, before) {
  let sum = 0;
  for (let i = 0; i < now.length; i++) sum += Math.abs(now[i] - before[i]);
  return sum / now.length;
}
