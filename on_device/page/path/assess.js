// The whole path: a photo in, an assessment out, as skin_model/assess.py.
import { cut } from "../pixels/picture.js";
import { resizeArea, resizeLinear } from "../pixels/resize.js";
import { findBorder } from "./border.js";
import { bandOf, diagnosisProbabilities, probabilities, riskOf } from "./calibration.js";
import { findRegion, squareAround } from "./locate.js";
import { problemsOf } from "./quality.js";
import { contributions, turnedBack } from "./reasons.js";

const MOST_VIEWS = 8;

/**
 * Border, crop, square and spots of one photo, in pixels of its working copy, and the picture that the network sees.
 * look: a picture to the locator's answer. chosen: the photo is the part that a person chose to have judged.
 */
export async function viewOf({ rgb }, config, look, chosen = false) {
  const { crop: rule, input_size: size } = config.preprocessing;
  const border = rule === "border" ? findBorder(rgb, config.border_triples) : null;
  const region = await findRegion(rgb, border, config, look, chosen);
  const inner = cut(rgb, region.square);
  const input = (inner.width > size ? resizeArea : resizeLinear)(inner, size, size);
  return { border, ...region, cropped: cut(rgb, region.crop), input };
}

/**
 * network: see ../network.js. chosen: as `viewOf`'s. Returns risk (0…1), band, diagnoses (or null), border, crop, square
 * and the squares round all spots in full-size pixels, the spot that was judged, problems, refused (a code or null),
 * the picture that the network saw, and what `turned` returns where all views were looked at.
 */
export async function assess(photo, network, config, chosen = false) {
  const view = await viewOf(photo, config, network.locate, chosen);
  const seen = await network.run(turnedViews(view.input, config.views));
  const logits = seen.logits[0].map((_, i) => mean(seen.logits.map((row) => row[i])));
  const novelty = seen.novelty ? mean(seen.novelty) : null;
  const probability = probabilities(logits, config.malignant, config.calibration);
  const risk = riskOf(probability, config.malignant);
  const looks = config.diagnosis_calibration ? diagnosisProbabilities(logits, config.diagnosis_calibration) : probability;
  const unlike = novelty !== null && novelty > config.gate_threshold;
  const refused = !view.showsSkin || (unlike && view.skin === null) ? "not_skin" : unlike ? "unfamiliar" : null;
  const across = photo.width / photo.rgb.width, down = photo.height / photo.rgb.height;
  const full = ([left, top, right, bottom]) => [left * across, top * down, right * across, bottom * down].map(Math.round);
  return {
    risk,
    band: refused ? "cannot_tell" : bandOf(risk, config.thresholds),
    diagnoses: config.labels.length > 1 ? Object.fromEntries(config.labels.map((code, i) => [code, looks[i]])) : null,
    border: view.border && { ...view.border, x: view.border.x * across, y: view.border.y * across, radius: view.border.radius * across },
    crop: full(view.crop),
    square: full(view.square),
    spots: view.spots.map(({ box }) => full(squareAround(box, view.crop, config.preprocessing.spot_share))),
    located: locatedIn(view.spots, across, down),
    problems: problemsOf(view.cropped, lesionIn(view)),
    refused,
    input: view.input,
    novelty,
    turned: config.views === MOST_VIEWS ? ofAllViews(seen, config) : null,
  };
}

/** Where the spot that is judged lies in the cropped picture; null where none was found. */
function lesionIn({ spots, crop, square, cutOff }) {
  const inCrop = ([left, top, right, bottom]) => [left - crop[0], top - crop[1], right - crop[0], bottom - crop[1]];
  return spots.length ? { box: inCrop(spots[0].box), square: inCrop(square), cutOff } : null;
}

function locatedIn([spot], across, down) {
  if (!spot) return null;
  const [left, top, right, bottom] = spot.box;
  return { x: ((left + right) / 2) * across, y: ((top + bottom) / 2) * down, width: (right - left) * across, height: (bottom - top) * down, certainty: spot.certainty };
}

/**
 * Of all eight mirrored and turned views of the picture that the network saw: the interval from the lowest to the highest
 * risk, and the reasons, h × h numbers of `turnedBack` (null for a network that cannot be explained).
 */
export async function turned(input, network, config) {
  return ofAllViews(await network.run(turnedViews(input, MOST_VIEWS)), config);
}

function ofAllViews({ logits, cam_gradient: gradients, feature_map: maps }, config) {
  return { interval: intervalOf(logits, config), reasons: maps ? turnedBack(maps.map((map, i) => contributions(gradients[i], map))) : null };
}

function intervalOf(logits, config) {
  const risks = logits.map((row) => riskOf(probabilities(row, config.malignant, config.calibration), config.malignant));
  return [Math.min(...risks), Math.max(...risks)];
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** The first `count` of: the picture, mirrored, upside down, both, and these four turned by 90°. */
export function turnedViews(input, count) {
  const views = [];
  for (const turned of [false, true]) for (const down of [false, true]) for (const across of [false, true]) views.push(turn(input, across, down, turned));
  return views.slice(0, count);
}

function turn(input, mirrored, upsideDown, turned) {
  const { width: side, data } = input, result = { ...input, data: new Uint8Array(data.length) };
  for (let y = 0, at = 0; y < side; y++) {
    for (let x = 0; x < side; x++, at += 3) {
      const [u, v] = turned ? [y, x] : [x, y];
      const from = ((upsideDown ? side - 1 - v : v) * side + (mirrored ? side - 1 - u : u)) * 3;
      result.data.set(data.subarray(from, from + 3), at);
    }
  }
  return result;
}
