// Of an outlined lesion: how uneven it is, its colours and its skin's, and how far round it an edge can be seen. Parts of
// skin_model/lesion/abcd.py and of skin_model/comparison.py once more.
import { blurMap } from "../pixels/blur.js";
import { cut, picture, roundToEven } from "../pixels/picture.js";
import { resizeArea, resizeNearest } from "../pixels/resize.js";
import { lab } from "./colour.js";
import { count, distances, within } from "./masks.js";

const SAMPLES = 256, SIDE = 128, RING = 0.25, GAP = 0.08, EDGE_SIDE = 256, SECTORS = 36, EDGE = 6, BAND = [0.02, 0.14];
const { atan2, cos, floor, hypot, max, min, PI, sin, sqrt } = Math;

/** Share of a mask that its mirror image about a principal axis does not cover, mean of both axes. */
export function asymmetry({ mask, width, height }) {
  let area = 0, x = 0, y = 0, across = 0, down = 0, slant = 0, far = 0;
  const each = (work) => { for (let v = 0, at = 0; v < height; v++) for (let u = 0; u < width; u++, at++) if (mask[at]) work(u, v); };
  each((u, v) => { area++; x += u; y += v; });
  x /= area;
  y /= area;
  each((u, v) => { across += (u - x) ** 2; down += (v - y) ** 2; slant += (u - x) * (v - y); far = max(far, hypot(u - x, v - y)); });
  const angle = hypot(across - down, 2 * slant) < 0.01 * (across + down) ? 0 : 0.5 * atan2(2 * slant, across - down);
  const scale = (SAMPLES - 1) / 2 / (far + 1), middle = (SAMPLES - 1) / 2;
  let soft = Float32Array.from(mask);
  if (scale < 0.8) soft = blurMap(soft, width, height, 0.4 / scale);
  const at = (u, v) => (u >= 0 && v >= 0 && u < width && v < height ? soft[v * width + u] : 0);
  const turned = new Uint8Array(SAMPLES * SAMPLES), cosine = cos(angle) / scale, sine = sin(angle) / scale;
  for (let row = 0, to = 0; row < SAMPLES; row++) {
    for (let column = 0; column < SAMPLES; column++, to++) {
      const u = x + cosine * (column - middle) - sine * (row - middle), v = y + sine * (column - middle) + cosine * (row - middle);
      const left = floor(u), top = floor(v), a = u - left, b = v - top;
      turned[to] = (at(left, top) * (1 - a) + at(left + 1, top) * a) * (1 - b) + (at(left, top + 1) * (1 - a) + at(left + 1, top + 1) * a) * b > 0.5 ? 1 : 0;
    }
  }
  let missed = 0, whole = 0;
  for (let row = 0; row < SAMPLES; row++) {
    for (let column = 0; column < SAMPLES; column++) {
      if (!turned[row * SAMPLES + column]) continue;
      whole++;
      if (!turned[(SAMPLES - 1 - row) * SAMPLES + column]) missed++;
      if (!turned[row * SAMPLES + SAMPLES - 1 - column]) missed++;
    }
  }
  return missed / 2 / max(1, whole);
}

/** The box with `reach` around it, inside a picture. */
const widened = ([left, top, right, bottom], reach, { width, height }) => [max(0, left - reach), max(0, top - reach), min(width, right + reach), min(height, bottom + reach)];

/** Colours of the lesion and of a ring of skin around it: two lists of [r, g, b]. */
export function lesionAndSkin(rgb, outline) {
  const [left, top, right, bottom] = outline.box, longer = max(right - left, bottom - top);
  const box = widened(outline.box, roundToEven((RING + GAP) * longer) + 2, rgb);
  let part = cut(rgb, box), mask = within(outline.mask, outline.width, box);
  const factor = SIDE / longer;
  if (factor < 1) {
    const wide = max(1, roundToEven(part.width * factor)), high = max(1, roundToEven(part.height * factor));
    const covered = resizeArea(picture(part.width, part.height, 1, mask.map((value) => 255 * value)), wide, high).data, least = min(254, covered.reduce((most, value) => max(most, value), 0));
    part = resizeArea(part, wide, high);
    mask = covered.map((value) => (value >= least ? 1 : 0));
  }
  const diameter = 2 * sqrt(count(mask) / PI), away = distances(mask.map((value) => 1 - value), part.width, part.height), lesion = [], skin = [];
  for (let at = 0; at < mask.length; at++) {
    const colour = [...part.data.subarray(3 * at, 3 * at + 3)];
    if (mask[at]) lesion.push(colour);
    else if (away[at] > max(1.5, GAP * diameter) && away[at] <= (RING + GAP) * diameter + 1.5 && max(...colour) > 30) skin.push(colour);
  }
  return { lesion, skin };
}

/** Share of the directions from the lesion's centre in which it differs from the skin across its outline, 0…1. */
export function edgeShare(rgb, outline) {
  const [left, top, right, bottom] = outline.box, box = widened(outline.box, roundToEven(BAND[1] * max(right - left, bottom - top)) + 3, rgb);
  let part = cut(rgb, box), mask = within(outline.mask, outline.width, box);
  const factor = min(1, EDGE_SIDE / max(part.width, part.height)), wide = max(1, roundToEven(part.width * factor)), high = max(1, roundToEven(part.height * factor));
  mask = resizeNearest(picture(part.width, part.height, 1, mask), wide, high).data;
  part = wide === part.width && high === part.height ? part : resizeArea(part, wide, high);
  const padded = new Uint8Array((wide + 2) * (high + 2));
  for (let y = 0; y < high; y++) padded.set(mask.subarray(y * wide, (y + 1) * wide), (y + 1) * (wide + 2) + 1);
  const inside = within(distances(padded, wide + 2, high + 2), wide + 2, [1, 1, wide + 1, high + 1]), outside = distances(mask.map((value) => 1 - value), wide, high);
  const diameter = 2 * sqrt(max(1, count(mask)) / PI), [near, far] = BAND.map((share) => share * diameter);
  let x = 0, y = 0, area = 0;
  mask.forEach((value, at) => { if (value) { area++; x += at % wide; y += floor(at / wide); } });
  const sums = [0, 1].map(() => Array.from({ length: SECTORS }, () => [0, 0, 0, 0]));
  for (let row = 0, at = 0; row < high; row++) {
    for (let column = 0; column < wide; column++, at++) {
      [inside, outside].forEach((away, band) => {
        if (!(away[at] > near && away[at] <= max(far, near + 1.5))) return;
        const sector = sums[band][min(floor((atan2(row - y / area, column - x / area) / (2 * PI) + 0.5) * SECTORS), SECTORS - 1)];
        lab([...part.data.subarray(3 * at, 3 * at + 3)]).forEach((value, axis) => { sector[axis] += value; });
        sector[3]++;
      });
    }
  }
  const sharp = sums[0].filter((one, sector) => {
    const other = sums[1][sector];
    return one[3] && other[3] && hypot(...[0, 1, 2].map((axis) => one[axis] / one[3] - other[axis] / other[3])) >= EDGE;
  });
  return sharp.length / SECTORS;
}
