// skin_model/quality.py once more: what is wrong with a photo, measured on a copy of fixed size.
import { blurMap, blurPicture, gradientSizeAt, gradientSizes } from "../pixels/blur.js";
import { grey, lab } from "../pixels/colour.js";
import { cut, roundToEven } from "../pixels/picture.js";
import { resizeArea } from "../pixels/resize.js";
import { spots } from "../pixels/spots.js";
import { median, quantile, solve } from "../pixels/statistics.js";

export const PROBLEMS = ["too_blurred", "too_dark", "too_bright", "glare", "no_colour", "too_small", "lesion_too_small", "lesion_cut_off"];
export const LEAST_SIDE = 150, SMALLEST_LESION = 0.22, MOST_BLUR = 1.5, DARKEST = 50, BRIGHTEST = 225, MOST_WASHED = 0.25, MOST_GLARE = 0.01, LEAST_COLOURED = 0.01;
const SIDE = 256, LESION_SIDE = 128, COLOUR_SIDE = 128, GREY = 4, FINE = 1, COARSE = 2, COARSER = 0.8, SLOPE_OF_NOTHING = 0.25;
const FULL = 250, WHITE = 235, REFLECTED = 60, LARGEST_SPOT = 0.3;
const INK = 118, LEAST_CONTRAST = 14, CLEAR = 18, MOST_OF_THE_REST = 0.06;

/**
 * Codes of what is wrong with a photo, of PROBLEMS and in that order. rgb: cropped inside a dermatoscope's border. lesion:
 * {box, square, cutOff} in its pixels where one was located, or null.
 */
export function problemsOf(rgb, lesion) { return problemsIn(measure(rgb, lesion)); }

export function problemsIn(m) {
  const tooDark = m.bright < DARKEST, tooBright = m.dark > BRIGHTEST || m.washed > MOST_WASHED;
  const found = {
    too_blurred: m.blur > MOST_BLUR,
    too_dark: tooDark,
    too_bright: tooBright,
    glare: m.glare > MOST_GLARE,
    no_colour: m.coloured < LEAST_COLOURED && !tooDark && !tooBright,
    too_small: m.side < LEAST_SIDE,
    lesion_too_small: m.lesion !== null && m.lesion < SMALLEST_LESION,
    lesion_cut_off: m.cutOff,
  };
  return PROBLEMS.filter((code) => found[code]);
}

/** The numbers behind the problems, and the lesion's box in shares of width and height (null where none stands out). */
export function measure(rgb, lesion = null) {
  const side = Math.min(rgb.width, rgb.height);
  const small = workingCopy(lesion ? cut(rgb, lesion.square) : rgb, SIDE);
  const levels = grey(small);
  const counts = new Int32Array(256);
  for (const level of levels.data) counts[level]++;
  const shares = [];
  counts.reduce((sum, n) => (shares.push((sum + n) / levels.data.length), sum + n), 0);
  const from = (share) => shares.findIndex((value) => value >= share);
  const found = lesion ? null : segment(small);
  return {
    side,
    blur: blur(levels),
    dark: from(0.1),
    bright: from(0.9),
    washed: 1 - shares[FULL - 1],
    glare: glare(small),
    coloured: coloured(rgb),
    lesion: lesion ? Math.max(lesion.box[2] - lesion.box[0], lesion.box[3] - lesion.box[1]) / side : found?.alone ? found.extent : null,
    cutOff: Boolean(lesion?.cutOff),
    box: found && found.box,
  };
}

/** At most `side` pixels on the short side. */
export function workingCopy(rgb, side) {
  const factor = side / Math.min(rgb.width, rgb.height);
  if (factor >= 1) return rgb;
  const width = roundToEven(rgb.width * factor), height = roundToEven(rgb.height * factor);
  const whole = Math.floor(1 / factor);
  const coarse = whole > 1 ? resizeArea(rgb, Math.floor(rgb.width / whole), Math.floor(rgb.height / whole)) : rgb;
  return coarse.width === width && coarse.height === height ? coarse : resizeArea(coarse, width, height);
}

/** Standard deviation of the blur at the sharpest edges of a grey picture, in pixels, at three scales. */
export function blur(levels) {
  const half = resizeArea(levels, roundToEven(levels.width * 0.5), roundToEven(levels.height * 0.5), 2, 2);
  const quarter = resizeArea(half, roundToEven(half.width * 0.5), roundToEven(half.height * 0.5), 2, 2);
  return Math.max(edgeBlur(levels), COARSER * edgeBlur(half), COARSER * edgeBlur(quarter));
}

export function edgeBlur(levels) {
  const fine = gradientSizes(levels, ...bellAndSlope(FINE));
  const steepest = largest(fine, Math.max(1, Math.floor(fine.length / 100)));
  const coarse = bellAndSlope(COARSE); // needed at the steepest pixels only
  const ratio = quantile(steepest.map((i) => fine[i] / Math.max(gradientSizeAt(levels, i, ...coarse), 1e-6)), 0.9);
  if (ratio <= 1 || steepest.reduce((most, i) => Math.max(most, fine[i]), 0) < SLOPE_OF_NOTHING) return Math.min(levels.width, levels.height);
  return Math.sqrt(Math.max(COARSE ** 2 - (ratio * FINE) ** 2, 0) / (ratio ** 2 - 1));
}

/** A Gaussian's taps and those of its derivative. */
function bellAndSlope(sigma) {
  const reach = Math.ceil(3.5 * sigma);
  const at = Array.from({ length: 2 * reach + 1 }, (_, i) => i - reach);
  const raw = at.map((x) => Math.exp(-(x * x) / (2 * sigma * sigma)));
  const total = raw.reduce((sum, value) => sum + value, 0);
  const bell = raw.map((value) => value / total);
  return [bell, bell.map((value, i) => (-at[i] / sigma ** 2) * value)];
}

/** Where the `count` largest values are. Sorted are only those that share a bin with the smallest of them. */
function largest(values, count) {
  let top = 0;
  for (let i = 0; i < values.length; i++) if (values[i] > top) top = values[i];
  const BINS = 4096, scale = top > 0 ? (BINS - 1) / top : 0;
  const counts = new Int32Array(BINS);
  for (let i = 0; i < values.length; i++) counts[Math.floor(values[i] * scale)]++;
  let bin = BINS - 1, above = 0;
  while (above + counts[bin] < count) above += counts[bin--];
  const found = [], last = [];
  for (let i = 0; i < values.length; i++) {
    const own = Math.floor(values[i] * scale);
    if (own > bin) found.push(i);
    else if (own === bin) last.push(i);
  }
  return found.concat(last.sort((a, b) => values[b] - values[a]).slice(0, count - above));
}

/** Share of the picture under reflections: small white spots on skin that is not white. */
export function glare({ width, height, data }) {
  const white = new Uint8Array(width * height), sample = [];
  let area = 0;
  for (let i = 0, at = 0; i < white.length; i++, at += 3) {
    const lowest = Math.min(data[at], data[at + 1], data[at + 2]);
    if (lowest >= WHITE) { white[i] = 1; area++; }
    const x = i % width;
    if (x % 4 === 0 && ((i - x) / width) % 4 === 0) sample.push(lowest);
  }
  if (area === 0 || area >= white.length / 2 || median(sample) > WHITE - REFLECTED) return 0;
  const most = LARGEST_SPOT * Math.min(height, width);
  const covered = spots(white, width, height).found.slice(1)
    .filter((s) => Math.max(s.width, s.height) < most && s.left > 0 && s.top > 0 && s.left + s.width < width && s.top + s.height < height)
    .reduce((sum, s) => sum + s.area, 0);
  return covered / white.length;
}

/** Share of the picture whose red, green and blue are farther apart than in a grey photo. */
function coloured({ width, height, data }) {
  const step = Math.max(1, Math.floor(Math.min(width, height) / COLOUR_SIDE));
  let count = 0, inColour = 0;
  for (let y = 0; y < height; y += step) {
    for (let x = 0; x < width; x += step, count++) {
      const at = 3 * (y * width + x), red = data[at], green = data[at + 1], blue = data[at + 2];
      if (Math.max(red, green, blue) - Math.min(red, green, blue) > GREY) inColour++;
    }
  }
  return inColour / count;
}

/** What differs most from the skin around it: its box in shares, extent, and whether plain skin lies around; or null. */
export function segment(rgb) {
  const small = workingCopy(rgb, LESION_SIDE);
  const { width, height } = small;
  const difference = fromSkin(lab(blurPicture(small, 1)));
  const middle = median(difference);
  const spread = 1.4826 * median(difference.map((value) => Math.abs(value - middle)));
  const seeds = blurMap(difference, width, height, 1.5);
  let top = 0, most = -Infinity;
  for (let i = 0; i < seeds.length; i++) {
    const x = -1 + (2 * (i % width)) / (width - 1), y = -1 + (2 * Math.floor(i / width)) / (height - 1);
    const seed = seeds[i] * Math.exp(-(x * x + y * y) / 1.2);
    if (seed > most) { most = seed; top = i; }
  }
  const peak = difference[top];
  if (peak < Math.max(LEAST_CONTRAST, 4 * spread)) return null;
  const level = Math.max(0.3 * peak, 2.5 * spread, 6);
  const standingOut = Uint8Array.from(difference, (value) => (value > level ? 1 : 0));
  const { labels, found } = spots(standingOut, width, height);
  const spot = found[labels[top]];
  // A peak below its own level belongs to what does not stand out, as OpenCV's label 0: the whole picture.
  const box = spot ?? { left: 0, top: 0, width, height, area: labels.reduce((n, label) => n + (label === 0 ? 1 : 0), 0) };
  const rest = (standingOut.reduce((sum, on) => sum + on, 0) - box.area) / standingOut.length;
  return {
    box: [box.left / width, box.top / height, (box.left + box.width) / width, (box.top + box.height) / height],
    extent: Math.max(box.width, box.height) / Math.min(height, width),
    alone: rest < MOST_OF_THE_REST && peak > CLEAR * spread,
  };
}

const shadesOf = new Map();

/** Six slowly varying shades of lighting for every pixel, kept for the sizes last seen. */
function shadesFor(width, height) {
  const key = width * 100_000 + height;
  if (!shadesOf.has(key)) {
    if (shadesOf.size > 8) shadesOf.clear();
    const shades = new Float32Array(6 * width * height);
    for (let i = 0, at = 0; i < width * height; i++) {
      const x = -1 + (2 * (i % width)) / (width - 1), y = -1 + (2 * Math.floor(i / width)) / (height - 1);
      for (const value of [1, x, y, x * x, x * y, y * y]) shades[at++] = value;
    }
    shadesOf.set(key, shades);
  }
  return shadesOf.get(key);
}

/** How much darker, or of another colour, each pixel is than the skin, after the lighting is evened out. */
function fromSkin({ width, height, data }) {
  const shades = shadesFor(width, height);
  const sample = [];
  for (let y = 0; y < height; y += 4) for (let x = 0; x < width; x += 4) sample.push(y * width + x);
  const weight = new Float64Array(sample.length).fill(1), off = new Float64Array(sample.length);
  const skin = new Float64Array(18);
  const change = (i, c) => {
    const s = 6 * i;
    return data[3 * i + c] - (skin[c] * shades[s] + skin[3 + c] * shades[s + 1] + skin[6 + c] * shades[s + 2]
      + skin[9 + c] * shades[s + 3] + skin[12 + c] * shades[s + 4] + skin[15 + c] * shades[s + 5]);
  };
  for (let round = 0; round < 3; round++) {
    const left = Array.from({ length: 6 }, (_, r) => Float64Array.from({ length: 6 }, (__, c) => (r === c ? 1e-3 : 0)));
    const right = Array.from({ length: 6 }, () => new Float64Array(3));
    for (let n = 0; n < sample.length; n++) {
      const i = sample[n], s = 6 * i;
      for (let r = 0; r < 6; r++) {
        const share = shades[s + r] * weight[n];
        for (let c = 0; c < 6; c++) left[r][c] += share * shades[s + c];
        for (let c = 0; c < 3; c++) right[r][c] += share * data[3 * i + c];
      }
    }
    solve(left, right).forEach((row, r) => skin.set(row, 3 * r));
    for (let n = 0; n < sample.length; n++) {
      const i = sample[n], l = change(i, 0), a = change(i, 1), b = change(i, 2);
      off[n] = Math.sqrt(l * l + a * a + b * b);
    }
    const usual = Math.max(median(off), 1);
    for (let n = 0; n < sample.length; n++) weight[n] = 1 / (1 + (off[n] / usual) ** 4);
  }
  const inkless = median(sample.map((i) => data[3 * i + 2])) > INK + 6;
  const difference = new Float32Array(width * height);
  for (let i = 0; i < difference.length; i++) {
    if (inkless && data[3 * i + 2] < INK) continue;
    const a = change(i, 1), b = change(i, 2);
    difference[i] = Math.max(-change(i, 0), 0) + 0.7 * Math.sqrt(a * a + b * b);
  }
  return difference;
}
