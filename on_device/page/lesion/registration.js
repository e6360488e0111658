// skin_model/lesion/registration.py once more: lays two photos of one lesion over each other. Names, steps and limits are
// those of the Python module; OpenCV's RANSAC draws the same pairs here, from the same random numbers.
import { grey } from "../pixels/colour.js";
import { picture, roundToEven } from "../pixels/picture.js";
import { resizeArea, resizeNearest } from "../pixels/resize.js";
import { findBorder } from "../path/border.js";
import { ciede2000, encoded, lab, linear } from "./colour.js";
import { count, dilated } from "./masks.js";
import { asymmetry, lesionAndSkin } from "./measures.js";
import { evened, features } from "./sift.js";

const SIDE = 640, MOST_FEATURES = 2500, SURER = 0.8, REACH = 3, FEWEST = 14, LEAST_AGREEMENT = 0.2, SPREAD = 0.12, SCALES = [0.33, 3], MOST_APART = 1, MOST_LARGER = 2.5, KEPT_OFF = 0.12;
const TRIALS = 5000, CONFIDENCE = 0.999, LEAST_SKIN = 30;
const { abs, hypot, max, min, PI, sqrt } = Math;

/**
 * shots: {rgb, outline} before and after. Returns {kind: "features", "centred" or "none", matrix: [a, b, c, d, e, f] from
 * pixels after to pixels before, or null, scale, inliers, reason}.
 */
export function align(before, after, triples) {
  const none = (reason) => ({ kind: "none", matrix: null, scale: null, inliers: 0, reason });
  if (!before.outline || !after.outline) return none("no_lesion");
  const found = byFeatures(before, after, triples);
  if (found) return found;
  const sides = [before, after].map(({ rgb }) => min(rgb.width, rgb.height)), diameters = [before, after].map(({ outline }, i) => sqrt(outline.area) / sides[i]);
  if (max(...diameters) > MOST_LARGER * min(...diameters)) return none("different_scale");
  const scale = sides[0] / sides[1], [x, y] = [0, 1].map((axis) => before.outline.centre[axis] - scale * after.outline.centre[axis] + (scale - 1) / 2);
  return { kind: "centred", matrix: [scale, 0, x, 0, scale, y], scale: null, inliers: 0, reason: null };
}

/** What changed, each null where it cannot be said: size ratio, colour (CIEDE2000), unevenness after minus before. */
export function change(before, after, { kind, scale }) {
  if (kind === "none") return { sizeRatio: null, colour: null, asymmetry: null };
  const cut = before.outline.isCut || after.outline.isCut;
  return {
    sizeRatio: scale === null || cut ? null : (after.outline.area * scale ** 2) / before.outline.area,
    colour: colourDifference(before, after),
    asymmetry: asymmetry(after.outline) - asymmetry(before.outline),
  };
}

function colourDifference(before, after) {
  const parts = [before, after].map(({ rgb, outline }) => lesionAndSkin(rgb, outline));
  if (parts.some(({ skin }) => skin.length < LEAST_SKIN)) return null;
  const mean = (pixels) => [0, 1, 2].map((c) => pixels.reduce((sum, pixel) => sum + linear(pixel[c]), 0) / pixels.length);
  const means = parts.map(({ lesion, skin }) => ({ lesion: mean(lesion), skin: mean(skin) })), common = [0, 1, 2].map((c) => sqrt(means[0].skin[c] * means[1].skin[c]));
  return ciede2000(...means.map(({ lesion, skin }) => lab(lesion.map((light, c) => encoded((light * common[c]) / max(skin[c], 1e-4))))));
}

function byFeatures(before, after, triples) {
  const [first, second] = [before, after].map((shot) => (shot.features ??= featuresOf(shot, triples)));
  if (min(first.places.length, second.places.length) < FEWEST) return null;
  const pairs = matched(second.vectors, first.vectors);
  if (pairs.length < FEWEST) return null;
  const source = pairs.map(([from]) => second.places[from]), target = pairs.map(([, to]) => first.places[to]), found = partialAffine(source, target);
  if (!found) return null;
  const { matrix, agree } = found, kept = target.filter((_, i) => agree[i]), distinct = new Set(kept.map((place) => place.map(roundToEven).join())).size;
  if (distinct < FEWEST || kept.length < LEAST_AGREEMENT * pairs.length) return null;
  const short = min(before.rgb.width, before.rgb.height) * first.factor;
  if (sqrt(spread(kept)) < SPREAD * short) return null;
  const [a, b, x, c, d, y] = matrix, ratio = second.factor / first.factor, half = (second.factor - 1) / 2, mine = (first.factor - 1) / 2;
  const full = [a * ratio, b * ratio, (x + (a + b) * half - mine) / first.factor, c * ratio, d * ratio, (y + (c + d) * half - mine) / first.factor];
  const scale = sqrt(abs(full[0] * full[4] - full[1] * full[3])), relative = (scale * min(after.rgb.width, after.rgb.height)) / min(before.rgb.width, before.rgb.height);
  if (!(relative >= SCALES[0] && relative <= SCALES[1])) return null;
  const [u, v] = after.outline.centre.map((place) => place - 0.5), moved = [full[0] * u + full[1] * v + full[2] + 0.5, full[3] * u + full[4] * v + full[5] + 0.5];
  if (hypot(moved[0] - before.outline.centre[0], moved[1] - before.outline.centre[1]) > MOST_APART * 2 * sqrt(before.outline.area / PI)) return null;
  return { kind: "features", matrix: full, scale, inliers: distinct, reason: null };
}

/** The product of the standard deviations along the widest and the narrowest direction: the covariance's determinant, rooted. */
function spread(places) {
  const number = places.length, [x, y] = [0, 1].map((axis) => places.reduce((sum, place) => sum + place[axis], 0) / number);
  let xx = 0, yy = 0, xy = 0;
  for (const [u, v] of places) { xx += (u - x) ** 2; yy += (v - y) ** 2; xy += (u - x) * (v - y); }
  return sqrt(max((xx * yy - xy * xy) / (number - 1) ** 2, 0));
}

function featuresOf({ rgb, outline }, triples) {
  const factor = min(1, SIDE / min(rgb.width, rgb.height)), wide = roundToEven(rgb.width * factor), high = roundToEven(rgb.height * factor);
  const small = factor < 1 ? resizeArea(rgb, wide, high) : rgb;
  const { places, vectors } = features(evened(grey(small)), aroundLesion(small, outline, triples), MOST_FEATURES);
  const roots = vectors.map((vector) => { const sum = max(vector.reduce((total, value) => total + value, 0), 1e-6); return vector.map((value) => sqrt(value / sum)); });
  return { places, vectors: roots, factor: wide / rgb.width };
}

function aroundLesion(small, outline, triples) {
  const { width, height } = small, lesion = resizeNearest(picture(outline.width, outline.height, 1, outline.mask), width, height).data;
  const margin = max(2, roundToEven(KEPT_OFF * 2 * sqrt(max(1, count(lesion)) / PI))), allowed = dilated(lesion, width, height, margin).map((value) => 1 - value), border = findBorder(small, triples);
  if (!border) return allowed;
  const [left, top, right, bottom] = border.inner ? border.inner.map(roundToEven) : [-4, -4, width + 4, height + 4], radius = max(1, roundToEven(0.93 * border.radius));
  const x0 = roundToEven(border.x), y0 = roundToEven(border.y);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const inside = x >= left + 4 && x < right - 4 && y >= top + 4 && y < bottom - 4;
      if (!inside || (border.kind === "circle" && (x - x0) ** 2 + (y - y0) ** 2 > radius * radius)) allowed[at] = 0;
    }
  }
  return allowed;
}

/** [from, to] pairs that are each other's nearest, and clearly nearer than the second nearest. */
function matched(first, second) {
  const nearest = new Int32Array(first.length), best = new Float64Array(first.length).fill(-2), next = new Float64Array(first.length).fill(-2), back = new Int32Array(second.length), likest = new Float64Array(second.length).fill(-2);
  first.forEach((one, i) => {
    second.forEach((other, j) => {
      let alike = 0;
      for (let k = 0; k < 128; k++) alike += one[k] * other[k];
      if (alike > best[i]) { next[i] = best[i]; best[i] = alike; nearest[i] = j; } else if (alike > next[i]) next[i] = alike;
      if (alike > likest[j]) { likest[j] = alike; back[j] = i; }
    });
  });
  const away = (alike) => sqrt(max(2 - 2 * alike, 0)), pairs = [];
  first.forEach((_, i) => { if (next[i] > -2 && away(best[i]) < SURER * away(next[i]) && back[nearest[i]] === i) pairs.push([i, nearest[i]]); });
  return pairs;
}

/** cv::RNG, seeded as OpenCV's robust estimators are. */
function randoms() {
  let state = 0xffffffffffffffffn;
  return (below) => {
    state = BigInt.asUintN(64, (state & 0xffffffffn) * 4164903690n + (state >> 32n));
    return Number(state & 0xffffffffn) % below;
  };
}

/** cv2.estimateAffinePartial2D(source, target, RANSAC, REACH, maxIters=TRIALS, confidence=CONFIDENCE), or null. */
export function partialAffine(source, target) {
  const next = randoms(), number = source.length;
  let trials = TRIALS, best = null, most = 1;
  for (let trial = 0; trial < trials; trial++) {
    const i = next(number);
    let j = next(number);
    while (j === i) j = next(number);
    const model = similarity([source[i], source[j]], [target[i], target[j]]), agree = source.map((place, k) => misses(model, place, target[k]) <= REACH * REACH), good = agree.filter(Boolean).length;
    if (good <= most) continue;
    [best, most] = [agree, good];
    const denominator = 1 - (good / number) ** 2;
    if (denominator < Number.MIN_VALUE) { trials = 0; break; }
    const wanted = Math.log(1 - CONFIDENCE) / Math.log(denominator);
    if (wanted < trials) trials = roundToEven(wanted);
  }
  if (!best) return null;
  return { matrix: similarity(source.filter((_, k) => best[k]), target.filter((_, k) => best[k])), agree: best };
}

function misses([a, b, x, c, d, y], [u, v], [s, t]) { return (a * u + b * v + x - s) ** 2 + (c * u + d * v + y - t) ** 2; }

/** Shift, turn and scale that lay one list of places on another with the least squared distance. */
function similarity(source, target) {
  const number = source.length, middle = (places, axis) => places.reduce((sum, place) => sum + place[axis], 0) / number;
  const [x, y, u, v] = [middle(source, 0), middle(source, 1), middle(target, 0), middle(target, 1)];
  let square = 0, along = 0, across = 0;
  source.forEach(([p, q], i) => {
    const [s, t] = target[i];
    square += (p - x) ** 2 + (q - y) ** 2;
    along += (p - x) * (s - u) + (q - y) * (t - v);
    across += (p - x) * (t - v) - (q - y) * (s - u);
  });
  const a = along / square, c = across / square;
  return [a, -c, u - a * x + c * y, c, a, v - c * x - a * y];
}
