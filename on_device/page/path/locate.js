// skin_model/lesion/locate.py and skin_model/region.py once more: which spot a photo shows, and what is judged of it.
// Names, steps and limits are those of the Python modules, which say why they are as they are.
import { grey } from "../pixels/colour.js";
import { cut, roundToEven } from "../pixels/picture.js";
import { resizeArea, resizeLinear } from "../pixels/resize.js";
import { boundsOf, cropBox } from "./border.js";

export const LOOKED_AT = 192;
const LEAST_CERTAINTY = 0.3, NMS_OVERLAP = 0.3, MOST_SPOTS = 8, CERTAINTY_COUNTS = 0.7, WELL_LIT = 200, MOST_GAIN = 3, AT_THE_SIDE = 0.005, SHARE_OF_SKIN = 0.25, MOST_OUTSIDE = 1 / 3;
const { ceil, exp, floor, hypot, max, min } = Math;
const clip = (value, low, high) => min(max(value, low), high);
const sigmoid = (logit) => 1 / (1 + exp(-logit));

/**
 * Border, crop and square as `Region` in Python. look: a picture of LOOKED_AT pixels to the network's answer. chosen: a
 * person cut the photo to what is to be judged.
 */
export async function findRegion(rgb, border, { preprocessing, least_skin: least }, look, chosen = false) {
  const crop = cropBox(rgb, border);
  if (preprocessing.square === "centre") return { crop, square: centralSquare(crop), spots: [], cutOff: false, skin: null, showsSkin: true };
  const bounds = boundsOf(rgb, border);
  const answer = await look(squeezed(cut(rgb, bounds)));
  const across = bounds[2] - bounds[0], down = bounds[3] - bounds[1];
  const certain = spotsOf(answer)
    .filter(({ certainty }) => certainty >= preprocessing.least_certainty)
    .map(({ box, certainty }) => ({
      box: [bounds[0] + box[0] * across, bounds[1] + box[1] * down, bounds[0] + box[2] * across, bounds[1] + box[3] * down],
      certainty,
    }));
  const skin = skinSeen(answer), showsSkin = certain.length > 0 || skin >= least;
  if (chosen || !certain.length) return { crop, square: centralSquare(crop), spots: [], cutOff: false, skin, showsSkin };
  const [{ box }] = certain;
  const within = givingWay(crop, box, bounds);
  const square = squareOf(box, within, preprocessing);
  return { crop: within, square, spots: certain, cutOff: reachesASide(box, bounds), skin, showsSkin };
}

/** The picture that the locator sees, whatever the photo's sides. */
function squeezed(rgb) {
  let small = rgb;
  while (min(small.width, small.height) >= 4 * LOOKED_AT) {
    const width = small.width >> 1, height = small.height >> 1;
    small = resizeArea(cut(small, [0, 0, 2 * width, 2 * height]), width, height);
  }
  const shrinking = small.width * small.height > LOOKED_AT ** 2;
  return exposureCorrected((shrinking ? resizeArea : resizeLinear)(small, LOOKED_AT, LOOKED_AT));
}

/** Dark pictures brighter, so that dark skin and a dark room look like any other. */
function exposureCorrected(square) {
  const counts = new Int32Array(256), lightness = grey(square).data;
  for (const level of lightness) counts[level]++;
  let level = 0;
  for (let seen = counts[0]; seen < 0.9 * lightness.length; seen += counts[level]) level++;
  const gain = clip(WELL_LIT / max(level, 1), 1, MOST_GAIN);
  return { ...square, data: square.data.map((value) => min(floor(value * gain + 0.5), 255)) };
}

/** The spots of an answer (6 × c × c), the one that counts first: boxes as shares of what was looked at. */
export function spotsOf(answer) {
  const area = answer.length / 6, cells = Math.sqrt(area);
  const heat = Array.from({ length: area }, (_, i) => sigmoid(answer[i]));
  const peaks = [];
  for (let row = 0, i = 0; row < cells; row++) {
    for (let column = 0; column < cells; column++, i++) {
      if (heat[i] >= LEAST_CERTAINTY && isPeak(heat, cells, row, column)) peaks.push({ row, column, i });
    }
  }
  peaks.sort((one, other) => heat[other.i] - heat[one.i]); // stable, as in Python
  const found = [];
  for (const { row, column, i } of peaks) {
    const x = (column + 0.5) / cells + answer[area + i], y = (row + 0.5) / cells + answer[2 * area + i];
    const wide = exp(min(answer[3 * area + i], 0)), high = exp(min(answer[4 * area + i], 0));
    const box = [x - wide / 2, y - high / 2, x + wide / 2, y + high / 2].map((side) => clip(side, 0, 1));
    if (found.length < MOST_SPOTS && found.every((other) => overlap(box, other.box) < NMS_OVERLAP)) found.push({ box, certainty: heat[i] });
  }
  return found.sort((one, other) => offCentre(one) - offCentre(other));
}

function isPeak(heat, cells, row, column) {
  for (let y = max(row - 1, 0); y <= min(row + 1, cells - 1); y++) {
    for (let x = max(column - 1, 0); x <= min(column + 1, cells - 1); x++) {
      if (heat[y * cells + x] > heat[row * cells + column]) return false;
    }
  }
  return true;
}

function offCentre({ box: [left, top, right, bottom], certainty }) {
  return hypot((left + right) / 2 - 0.5, (top + bottom) / 2 - 0.5) - CERTAINTY_COUNTS * certainty;
}

function overlap(one, other) {
  const wide = min(one[2], other[2]) - max(one[0], other[0]), high = min(one[3], other[3]) - max(one[1], other[1]);
  const shared = max(0, wide) * max(0, high);
  const both = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]);
  return shared / max(both - shared, 1e-9);
}

/** How likely the part of the picture that looks most like skin is skin; between two cells as numpy's quantile. */
function skinSeen(answer) {
  const likely = [...answer.slice(5 * (answer.length / 6))].map(sigmoid).sort((one, other) => one - other);
  const at = (1 - SHARE_OF_SKIN) * (likely.length - 1), below = floor(at);
  return likely[below] + (at - below) * (likely[min(below + 1, likely.length - 1)] - likely[below]);
}

/** The central square where the spot is large in it, else one round it. */
function squareOf(spot, crop, { central_share: least, spot_share: share }) {
  const central = centralSquare(crop);
  const longer = max(spot[2] - spot[0], spot[3] - spot[1]);
  const outside = max(central[0] - spot[0], central[1] - spot[1], spot[2] - central[2], spot[3] - central[3]);
  return longer >= least * (central[2] - central[0]) && outside <= MOST_OUTSIDE * longer ? central : squareAround(spot, crop, share);
}

export function squareAround(box, [left, top, right, bottom], share) {
  const longer = max(box[2] - box[0], box[3] - box[1]);
  const side = clip(roundToEven(longer / share), 1, min(right - left, bottom - top));
  const x = clip(roundToEven((box[0] + box[2] - side) / 2), left, right - side);
  const y = clip(roundToEven((box[1] + box[3] - side) / 2), top, bottom - side);
  return [x, y, x + side, y + side];
}

function centralSquare([left, top, right, bottom]) {
  const side = min(right - left, bottom - top);
  const x = left + ((right - left - side) >> 1), y = top + ((bottom - top - side) >> 1);
  return [x, y, x + side, y + side];
}

function reachesASide(spot, bounds) {
  const least = AT_THE_SIDE * min(bounds[2] - bounds[0], bounds[3] - bounds[1]);
  return min(spot[0] - bounds[0], spot[1] - bounds[1], bounds[2] - spot[2], bounds[3] - spot[3]) <= least;
}

function givingWay(crop, spot, bounds) {
  return [
    max(bounds[0], min(crop[0], floor(spot[0]))),
    max(bounds[1], min(crop[1], floor(spot[1]))),
    min(bounds[2], max(crop[2], ceil(spot[2]))),
    min(bounds[3], max(crop[3], ceil(spot[3]))),
  ];
}
