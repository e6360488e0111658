// How the live picture lies to the last photo of a spot: nearer or further, turned, beside it. Both are looked at as small
// squares of grey without their slow changes, so that another light counts little; what matches best tells the rest.
import { grey } from "../pixels/colour.js";
import { resizeArea } from "../pixels/resize.js";

const SIDE = 48, AROUND = 9, STEP = 2, RADIUS = 0.44;
const SCALES = [0.66, 0.74, 0.82, 0.91, 1, 1.1, 1.22, 1.35, 1.5], TURNS = [-40, -30, -20, -10, 0, 10, 20, 30, 40], SHIFTS = [-9, -6, -3, 0, 3, 6, 9];
const LEAST = 0.45, AS_GOOD = 0.04;

/** rgb: a square picture. Returns SIDE × SIDE numbers: lightness less the mean of what is around. */
export function essence(rgb) {
  const { data } = grey(resizeArea(rgb, SIDE, SIDE)), sums = new Float64Array((SIDE + 1) ** 2), found = new Float32Array(SIDE * SIDE), row = SIDE + 1;
  for (let y = 0; y < SIDE; y++) for (let x = 0; x < SIDE; x++) sums[(y + 1) * row + x + 1] = data[y * SIDE + x] + sums[y * row + x + 1] + sums[(y + 1) * row + x] - sums[y * row + x];
  for (let y = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++) {
      const left = Math.max(x - AROUND, 0), top = Math.max(y - AROUND, 0), right = Math.min(x + AROUND + 1, SIDE), bottom = Math.min(y + AROUND + 1, SIDE);
      const mean = (sums[bottom * row + right] - sums[top * row + right] - sums[bottom * row + left] + sums[top * row + left]) / ((right - left) * (bottom - top));
      found[y * SIDE + x] = data[y * SIDE + x] - mean;
    }
  }
  return found;
}

const PLACES = [];
for (let y = 0; y < SIDE; y += STEP) for (let x = 0; x < SIDE; x += STEP) if (Math.hypot(x + 0.5 - SIDE / 2, y + 0.5 - SIDE / 2) <= RADIUS * SIDE) PLACES.push([x, y]);

/** Correlation (-1…1) of what is seen with what was, where the seen is that, scaled, turned and shifted. */
function alike(seen, was, scale, turn, across, down) {
  const cosine = Math.cos(turn) / scale, sine = Math.sin(turn) / scale, middle = (SIDE - 1) / 2;
  let count = 0, a = 0, b = 0, aa = 0, bb = 0, ab = 0;
  for (const [x, y] of PLACES) {
    const u = x - middle - across, v = y - middle - down, from = Math.round(middle + cosine * u + sine * v), to = Math.round(middle - sine * u + cosine * v);
    if (from < 0 || to < 0 || from >= SIDE || to >= SIDE) continue;
    const one = seen[y * SIDE + x], other = was[to * SIDE + from];
    count++; a += one; b += other; aa += one * one; bb += other * other; ab += one * other;
  }
  if (count < PLACES.length / 2) return -1;
  const spread = Math.sqrt((aa - (a * a) / count) * (bb - (b * b) / count));
  return spread > 1e-6 ? (ab - (a * b) / count) / spread : -1;
}

/**
 * seen, was: given by `essence` for the live picture and the last photo. Returns {code, scale, turn, likeness}; scale: how
 * many times as large the spot is now; turn: in degrees, clockwise as seen. code: "lost" where nothing matches, "further"
 * or "closer" (what to do), "turn_left", "turn_right", "shift", or "agrees".
 */
export function agreement(seen, was) {
  const shifts = SHIFTS.flatMap((across) => SHIFTS.map((down) => [across, down]));
  let best = { likeness: -1 }, still = -1;
  for (const scale of SCALES) {
    for (const turn of TURNS) {
      for (const [across, down] of shifts) {
        const likeness = alike(seen, was, scale, (turn * Math.PI) / 180, across, down);
        if (likeness > best.likeness) best = { likeness, scale, turn, across, down };
        if (scale === 1 && turn === 0 && Math.hypot(across, down) < 4 && likeness > still) still = likeness;
      }
    }
  }
  const { likeness, scale, turn } = best;
  if (likeness < LEAST) return { code: "lost", ...best };
  // A round spot looks alike at every turn: what is nearly as good as the best is right already.
  if (still >= likeness - AS_GOOD && still >= LEAST) return { code: "agrees", ...best };
  if (scale > 1.05) return { code: "further", ...best };
  if (scale < 0.95) return { code: "closer", ...best };
  if (turn !== 0) return { code: turn > 0 ? "turn_right" : "turn_left", ...best };
  return { code: "shift", ...best };
}
