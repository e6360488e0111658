// skin_model/lesion/outline.py once more: where the lesion is in a photo. Names, steps and limits are those of the Python
// module, which says why they are as they are.
import { blurMap } from "../pixels/blur.js";
import { cut, picture, roundToEven } from "../pixels/picture.js";
import { resizeArea, resizeLinear } from "../pixels/resize.js";
import { boundsOf, findBorder } from "../path/border.js";
import { boxOf, clamp, count, filled, largest, parts, resizeMap } from "./masks.js";

export const SIZE = 128;
const SMALLEST = 0.0008, LARGEST = 0.9, LEAST_CERTAINTY = 0.7, LEAST_CERTAINTY_CUT = 0.8, SMALL = 0.4, NEARER = 2.2, OFF_CENTRE = 0.5, KEPT_RADIUS = 0.975;
const { fround, hypot, max, min } = Math;

const CENTRED = Float32Array.from({ length: SIZE * SIZE }, (_, at) => {
  const across = (2 * (at % SIZE)) / (SIZE - 1) - 1, down = (2 * Math.floor(at / SIZE)) / (SIZE - 1) - 1;
  return 1 - (1 - OFF_CENTRE) * min(1, hypot(across, down) / Math.SQRT2);
});

/**
 * The outline of a photo's lesion, {mask, width, height, certainty, area, centre, box, isCut}, or null where none stands
 * out. probabilities: called with two squares of SIZE pixels, gives for each SIZE × SIZE numbers in 0…1. triples: `findBorder`'s.
 */
export async function findOutline(rgb, probabilities, triples) {
  const { width, height } = rgb, border = findBorder(rgb, triples);
  let frame = boundsOf(rgb, border);
  const found = chosen(await probability(rgb, frame, probabilities));
  if (!found) return null;
  let { part } = found;
  const { box } = found;
  if (max(box[2] - box[0], box[3] - box[1]) < SMALL) {
    const nearer = around(box, frame), again = chosen(await probability(rgb, nearer, probabilities));
    if (again) [frame, part] = [nearer, again.part];
  }
  const [left, top, right, bottom] = frame, large = resizeMap(part, SIZE, SIZE, right - left, bottom - top), mask = new Uint8Array(width * height);
  for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) mask[y * width + x] = large[(y - top) * (right - left) + x - left] > 0.5 ? 1 : 0;
  if (border?.kind === "circle") {
    const most = (KEPT_RADIUS * border.radius) ** 2;
    for (let y = 0, at = 0; y < height; y++) for (let x = 0; x < width; x++, at++) if ((x + 0.5 - border.x) ** 2 + (y + 0.5 - border.y) ** 2 > most) mask[at] = 0;
  }
  const share = count(mask) / mask.length;
  if (!(share >= SMALLEST && share <= LARGEST)) return null;
  let sum = 0, number = 0;
  for (const value of part) if (value > 0.5) { sum += value; number++; }
  const outline = outlineOf(mask, width, height, sum / number);
  return outline.certainty >= (outline.isCut ? LEAST_CERTAINTY_CUT : LEAST_CERTAINTY) ? outline : null;
}

/** The outline of the largest part of a mask, holes filled. */
export function outlineOf(mask, width, height, certainty = 1) {
  const whole = largest(mask, width, height), box = boxOf(whole, width, height), margin = max(1, roundToEven(0.008 * min(height, width)));
  let area = 0, across = 0, down = 0;
  for (let y = 0, at = 0; y < height; y++) for (let x = 0; x < width; x++, at++) if (whole[at]) { area++; across += x; down += y; }
  const isCut = box[0] < margin || box[1] < margin || box[2] > width - margin || box[3] > height - margin;
  return { mask: whole, width, height, certainty, area, centre: [across / area + 0.5, down / area + 0.5], box, isCut };
}

async function probability(rgb, box, probabilities) {
  const part = cut(rgb, box), shrinking = part.width * part.height > SIZE * SIZE;
  const square = (shrinking ? resizeArea : resizeLinear)(part, SIZE, SIZE), turned = picture(SIZE, SIZE, 3);
  for (let y = 0; y < SIZE; y++) for (let x = 0; x < SIZE; x++) for (let c = 0; c < 3; c++) turned.data[(y * SIZE + x) * 3 + c] = square.data[(y * SIZE + SIZE - 1 - x) * 3 + c];
  const [plain, mirrored] = await probabilities([square, turned]);
  const both = plain.map((value, at) => fround(value + mirrored[at - (at % SIZE) + SIZE - 1 - (at % SIZE)]) / 2);
  return blurMap(both, SIZE, SIZE, 0.7);
}

/** The one part that counts, the rest set to 0, and its box in 0…1 of the square; null where there is none. */
function chosen(likely) {
  const inside = Uint8Array.from(likely, (value) => (value > 0.5 ? 1 : 0)), { labels, count: found } = parts(inside, SIZE, SIZE);
  if (!found) return null;
  const weights = new Float64Array(found + 1);
  labels.forEach((label, at) => { if (label) weights[label] += fround(likely[at] * CENTRED[at]); });
  const best = weights.indexOf(max(...weights.subarray(1)), 1), own = Uint8Array.from(labels, (label) => (label === best ? 1 : 0));
  const whole = filled(own, SIZE, SIZE), part = new Float32Array(SIZE * SIZE);
  // The rim's own probabilities, below a half, place the outline between pixels; other parts' must not join in.
  for (let y = 0, at = 0; y < SIZE; y++) {
    for (let x = 0; x < SIZE; x++, at++) {
      let near = false;
      for (let v = max(y - 1, 0); v <= min(y + 1, SIZE - 1) && !near; v++) for (let u = max(x - 1, 0); u <= min(x + 1, SIZE - 1) && !near; u++) near = whole[v * SIZE + u] === 1;
      near = near && (own[at] === 1 || !inside[at]);
      if (near || whole[at]) part[at] = whole[at] && !inside[at] ? 1 : likely[at];
    }
  }
  return { part, box: boxOf(own, SIZE, SIZE).map((side) => side / SIZE) };
}

function around(box, [left, top, right, bottom]) {
  const width = right - left, height = bottom - top, side = NEARER * max((box[2] - box[0]) * width, (box[3] - box[1]) * height, 8);
  const wide = roundToEven(min(side, width)), high = roundToEven(min(side, height));
  const x = left + ((box[0] + box[2]) / 2) * width, y = top + ((box[1] + box[3]) / 2) * height;
  const x0 = Math.trunc(clamp(x - wide / 2, left, right - wide)), y0 = Math.trunc(clamp(y - high / 2, top, bottom - high));
  return [x0, y0, x0 + wide, y0 + high];
}
