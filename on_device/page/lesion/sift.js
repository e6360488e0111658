// SIFT features (Lowe 2004) as OpenCV computes them (modules/features2d/src/sift.simd.hpp), and the contrast that is evened
// out before (CLAHE). In JavaScript's double precision where OpenCV has single, so single features may differ.
import { mirrored } from "../pixels/blur.js";
import { roundToEven } from "../pixels/picture.js";

const LAYERS = 3, IMAGES = LAYERS + 3, SIGMA = 1.6, OWN_SIGMA = 0.5, CONTRAST = 0.02, EDGE = 10, BORDER = 5, STEPS = 5;
const BINS = 36, ORIENTATION_SIGMA = 1.5, ORIENTATION_RADIUS = 4.5, PEAK = 0.8, WIDE = 4, DIRECTIONS = 8, WIDTH = 3, MOST = 0.2, WHOLE = 512;
const { abs, cos, exp, floor, hypot, log2, max, min, PI, sin, sqrt } = Math;

/** cv2.createCLAHE(limit, (8, 8)).apply(grey): a picture of one channel. */
export function evened({ width, height, data }, limit = 3, tiles = 8) {
  const wide = Math.ceil(width / tiles), high = Math.ceil(height / tiles), whole = width % tiles === 0 && height % tiles === 0;
  // Where one side does not divide, both are extended: by a whole tile's step where that one does.
  const across = whole ? wide : (width + tiles - (width % tiles)) / tiles, down = whole ? high : (height + tiles - (height % tiles)) / tiles;
  const area = across * down, most = max(1, floor((limit * area) / 256)), tables = [];
  for (let row = 0; row < tiles; row++) {
    for (let column = 0; column < tiles; column++) {
      const counts = new Int32Array(256), table = new Uint8Array(256);
      for (let y = row * down; y < (row + 1) * down; y++) for (let x = column * across; x < (column + 1) * across; x++) counts[data[mirrored(y, height) * width + mirrored(x, width)]]++;
      let clipped = 0;
      for (let level = 0; level < 256; level++) if (counts[level] > most) { clipped += counts[level] - most; counts[level] = most; }
      const each = floor(clipped / 256);
      let rest = clipped - 256 * each;
      for (let level = 0; level < 256; level++) counts[level] += each;
      if (rest) for (let level = 0, step = max(floor(256 / rest), 1); level < 256 && rest > 0; level += step, rest--) counts[level]++;
      for (let level = 0, sum = 0; level < 256; level++) { sum += counts[level]; table[level] = min(roundToEven(Math.fround(sum * Math.fround(255 / area))), 255); }
      tables.push(table);
    }
  }
  const result = new Uint8Array(width * height), neighbours = (at, size) => {
    const place = at / size - 0.5, low = floor(place);
    return [max(low, 0), min(low + 1, tiles - 1), place - low];
  };
  const columns = Array.from({ length: width }, (_, x) => neighbours(x, across));
  for (let y = 0; y < height; y++) {
    const [top, bottom, b] = neighbours(y, down);
    for (let x = 0; x < width; x++) {
      const [left, right, a] = columns[x], level = data[y * width + x];
      const upper = tables[top * tiles + left][level] * (1 - a) + tables[top * tiles + right][level] * a;
      const lower = tables[bottom * tiles + left][level] * (1 - a) + tables[bottom * tiles + right][level] * a;
      result[y * width + x] = roundToEven(upper * (1 - b) + lower * b);
    }
  }
  return { width, height, channels: 1, data: result };
}

/** GaussianBlur((0, 0), sigma) of an image of single-precision numbers. */
function blurred({ width, height, data }, sigma) {
  const size = roundToEven(sigma * 8 + 1) | 1, reach = size >> 1, bell = Float64Array.from({ length: reach + 1 }, (_, i) => exp(-(i * i) / (2 * sigma * sigma)));
  const total = bell.reduce((sum, value, i) => sum + (i ? 2 : 1) * value, 0), taps = bell.map((value) => value / total);
  const line = new Float32Array(max(width, height) + 2 * reach), between = new Float32Array(width * height), result = new Float32Array(width * height);
  for (let y = 0, base = 0; y < height; y++, base += width) {
    for (let i = 0; i < width + 2 * reach; i++) line[i] = data[base + (i >= reach && i < width + reach ? i - reach : mirrored(i - reach, width))];
    for (let x = 0; x < width; x++) {
      let sum = taps[0] * line[x + reach];
      for (let k = 1; k <= reach; k++) sum += taps[k] * (line[x + reach + k] + line[x + reach - k]);
      between[base + x] = sum;
    }
  }
  const sums = new Float64Array(width);
  for (let y = 0; y < height; y++) {
    for (let x = 0, base = y * width; x < width; x++) sums[x] = taps[0] * between[base + x];
    for (let k = 1; k <= reach; k++) {
      const above = mirrored(y - k, height) * width, below = mirrored(y + k, height) * width, tap = taps[k];
      for (let x = 0; x < width; x++) sums[x] += tap * (between[above + x] + between[below + x]);
    }
    result.set(sums, y * width);
  }
  return { width, height, data: result };
}

function doubled({ width, height, data }) {
  const wide = 2 * width, high = 2 * height, result = new Float32Array(wide * high);
  const table = (to, from) => Array.from({ length: to }, (_, d) => {
    const place = (d + 0.5) / 2 - 0.5, low = floor(place);
    return low < 0 ? [0, 0, 0] : low >= from - 1 ? [from - 1, from - 1, 0] : [low, low + 1, place - low];
  });
  const columns = table(wide, width);
  table(high, height).forEach(([top, bottom, b], y) => {
    for (let x = 0; x < wide; x++) {
      const [left, right, a] = columns[x];
      result[y * wide + x] = (data[top * width + left] * (1 - a) + data[top * width + right] * a) * (1 - b) + (data[bottom * width + left] * (1 - a) + data[bottom * width + right] * a) * b;
    }
  });
  return { width: wide, height: high, data: result };
}

function halved({ width, height, data }) {
  const wide = width >> 1, high = height >> 1, result = new Float32Array(wide * high);
  const across = width / wide, down = height / high;
  for (let y = 0, to = 0; y < high; y++) for (let x = 0, row = min(floor(y * down), height - 1) * width; x < wide; x++, to++) result[to] = data[row + min(floor(x * across), width - 1)];
  return { width: wide, height: high, data: result };
}

function pyramid(grey) {
  let image = blurred(doubled(grey), sqrt(max(SIGMA ** 2 - 4 * OWN_SIGMA ** 2, 0.01)));
  const octaves = roundToEven(log2(min(image.width, image.height)) - 2) + 1, levels = [];
  const steps = Array.from({ length: IMAGES }, (_, i) => { const before = 2 ** ((i - 1) / LAYERS) * SIGMA; return sqrt((before * 2 ** (1 / LAYERS)) ** 2 - before ** 2); });
  for (let octave = 0; octave < octaves && min(image.width, image.height) > 2 * BORDER; octave++) {
    const images = [image];
    for (let i = 1; i < IMAGES; i++) images.push(blurred(images[i - 1], steps[i]));
    const differences = images.slice(1).map((next, i) => next.data.map((value, at) => value - images[i].data[at]));
    levels.push({ images, differences, width: image.width, height: image.height });
    image = halved(images[LAYERS]);
  }
  return levels;
}

/** cv::fastAtan2, in degrees. */
export function fastAngle(y, x) {
  const ax = abs(x), ay = abs(y), ratio = ax >= ay ? ay / (ax + 2.220446049250313e-16) : ax / (ay + 2.220446049250313e-16), square = ratio * ratio;
  let angle = (((-0.04432655554792128 * square + 0.1555786518463281) * square - 0.3258083974640975) * square + 0.9997878412794807) * ratio * (180 / PI);
  if (ax < ay) angle = 90 - angle;
  if (x < 0) angle = 180 - angle;
  return y < 0 ? 360 - angle : angle;
}

function isExtreme([before, here, after], at, width) {
  const value = here[at];
  for (const image of [here, before, after]) {
    for (let v = -width; v <= width; v += width) {
      for (let u = -1; u <= 1; u++) {
        const other = image[at + v + u];
        if (value > 0 ? other > value : other < value) return false;
      }
    }
  }
  return true;
}

/** Where an extreme lies between pixels and layers, or null where it is too faint or on an edge. */
function refined({ differences, width, height }, octave, layer, row, column) {
  const scale = 1 / 255;
  for (let step = 0; step < STEPS; step++) {
    const [before, here, after] = differences.slice(layer - 1, layer + 2), at = row * width + column, twice = 2 * here[at];
    const slope = [here[at + 1] - here[at - 1], here[at + width] - here[at - width], after[at] - before[at]].map((value) => (value * scale) / 2);
    const xx = (here[at + 1] + here[at - 1] - twice) * scale, yy = (here[at + width] + here[at - width] - twice) * scale, ss = (after[at] + before[at] - twice) * scale;
    const xy = ((here[at + width + 1] - here[at + width - 1] - here[at - width + 1] + here[at - width - 1]) * scale) / 4;
    const xs = ((after[at + 1] - after[at - 1] - before[at + 1] + before[at - 1]) * scale) / 4, ys = ((after[at + width] - after[at - width] - before[at + width] + before[at - width]) * scale) / 4;
    const solved = solveThree(xx, yy, ss, xy, xs, ys, slope);
    const [x, y, s] = solved ? solved.map((value) => -value) : [0, 0, 0];
    if (abs(x) < 0.5 && abs(y) < 0.5 && abs(s) < 0.5) {
      const contrast = here[at] * scale + (slope[0] * x + slope[1] * y + slope[2] * s) / 2, trace = xx + yy, determinant = xx * yy - xy * xy;
      if (abs(contrast) * LAYERS < CONTRAST || determinant <= 0 || trace * trace * EDGE >= (EDGE + 1) ** 2 * determinant) return null;
      const factor = 2 ** octave;
      return { x: (column + x) * factor, y: (row + y) * factor, size: SIGMA * 2 ** ((layer + s) / LAYERS) * factor * 2, response: abs(contrast), octave, layer, row, column };
    }
    if (max(abs(x), abs(y), abs(s)) > 715827882) return null;
    column += roundToEven(x);
    row += roundToEven(y);
    layer += roundToEven(s);
    if (layer < 1 || layer > LAYERS || column < BORDER || column >= width - BORDER || row < BORDER || row >= height - BORDER) return null;
  }
  return null;
}

function solveThree(a, d, f, b, c, e, [x, y, z]) {
  const determinant = a * (d * f - e * e) - b * (b * f - c * e) + c * (b * e - c * d);
  if (determinant === 0) return null;
  return [
    (x * (d * f - e * e) - b * (y * f - e * z) + c * (y * e - d * z)) / determinant,
    (a * (y * f - e * z) - x * (b * f - c * e) + c * (b * z - c * y)) / determinant,
    (a * (d * z - e * y) - b * (b * z - c * y) + x * (b * e - c * d)) / determinant,
  ];
}

function directions({ width, height, data }, { row, column, size, octave }) {
  const within = (size * 0.5) / 2 ** octave, radius = roundToEven(ORIENTATION_RADIUS * within), falloff = -1 / (2 * (ORIENTATION_SIGMA * within) ** 2), raw = new Float64Array(BINS);
  for (let v = -radius; v <= radius; v++) {
    const y = row + v;
    if (y <= 0 || y >= height - 1) continue;
    for (let u = -radius; u <= radius; u++) {
      const x = column + u;
      if (x <= 0 || x >= width - 1) continue;
      const at = y * width + x, across = data[at + 1] - data[at - 1], up = data[at - width] - data[at + width];
      raw[(roundToEven((BINS / 360) * fastAngle(up, across)) + BINS) % BINS] += exp((v * v + u * u) * falloff) * hypot(across, up);
    }
  }
  const at = (bin) => raw[(bin + BINS) % BINS], smooth = raw.map((value, bin) => (at(bin - 2) + at(bin + 2)) / 16 + (at(bin - 1) + at(bin + 1)) / 4 + value * 0.375), least = PEAK * max(...smooth), found = [];
  smooth.forEach((value, bin) => {
    const left = smooth[(bin + BINS - 1) % BINS], right = smooth[(bin + 1) % BINS];
    if (value <= left || value <= right || value < least) return;
    const peak = (bin + (0.5 * (left - right)) / (left - 2 * value + right) + BINS) % BINS, angle = 360 - (360 / BINS) * peak;
    found.push(abs(angle - 360) < 1.2e-7 ? 0 : angle);
  });
  return found;
}

function described({ width, height, data }, { x, y, angle, size }, scale) {
  const turn = abs(360 - angle - 360) < 1.2e-7 ? 0 : 360 - angle, column = roundToEven(x * scale), row = roundToEven(y * scale), bin = WIDTH * size * scale * 0.5;
  const radius = min(roundToEven(bin * Math.SQRT2 * (WIDE + 1) * 0.5), floor(hypot(width, height))), cosine = cos((turn * PI) / 180) / bin, sine = sin((turn * PI) / 180) / bin;
  const counts = new Float64Array((WIDE + 2) * (WIDE + 2) * (DIRECTIONS + 2)), stride = DIRECTIONS + 2, line = (WIDE + 2) * stride;
  for (let v = -radius; v <= radius; v++) {
    for (let u = -radius; u <= radius; u++) {
      const across = u * cosine - v * sine, down = u * sine + v * cosine, r = down + WIDE / 2 - 0.5, c = across + WIDE / 2 - 0.5, py = row + v, px = column + u;
      if (!(r > -1 && r < WIDE && c > -1 && c < WIDE && py > 0 && py < height - 1 && px > 0 && px < width - 1)) continue;
      const at = py * width + px, dx = data[at + 1] - data[at - 1], dy = data[at - width] - data[at + width];
      const o = ((fastAngle(dy, dx) - turn) * DIRECTIONS) / 360, weight = exp((across * across + down * down) * (-1 / (WIDE * WIDE * 0.5))) * sqrt(dx * dx + dy * dy);
      const r0 = floor(r), c0 = floor(c), o0 = floor(o), a = r - r0, b = c - c0, d = o - o0, from = (r0 + 1) * line + (c0 + 1) * stride + ((o0 % DIRECTIONS) + DIRECTIONS) % DIRECTIONS;
      const low = weight * (1 - a), high = weight * a;
      for (const [share, to] of [[low * (1 - b), from], [low * b, from + stride], [high * (1 - b), from + line], [high * b, from + line + stride]]) {
        counts[to] += share * (1 - d);
        counts[to + 1] += share * d;
      }
    }
  }
  const vector = new Float32Array(WIDE * WIDE * DIRECTIONS);
  for (let r = 0, to = 0; r < WIDE; r++) {
    for (let c = 0; c < WIDE; c++) {
      const from = (r + 1) * line + (c + 1) * stride;
      counts[from] += counts[from + DIRECTIONS];
      counts[from + 1] += counts[from + DIRECTIONS + 1];
      for (let k = 0; k < DIRECTIONS; k++) vector[to++] = counts[from + k];
    }
  }
  const length = (values) => sqrt(values.reduce((sum, value) => sum + value * value, 0)), most = MOST * length(vector), clipped = vector.map((value) => min(value, most)), factor = WHOLE / max(length(clipped), 1.2e-7);
  return clipped.map((value) => min(roundToEven(value * factor), 255));
}

/**
 * SIFT_create(most, contrastThreshold=0.02).detectAndCompute(grey, allowed): {places: [[x, y], …], vectors: as many of 128
 * numbers}. grey: a picture of one channel. allowed: non-zero where features may lie.
 */
export function features({ width, height, data }, allowed, count) {
  const levels = pyramid({ width, height, data: Float32Array.from(data) }), points = [];
  levels.forEach((level, octave) => {
    for (let layer = 1; layer <= LAYERS; layer++) {
      const around = level.differences.slice(layer - 1, layer + 2), here = around[1];
      for (let row = BORDER; row < level.height - BORDER; row++) {
        for (let column = BORDER, at = row * level.width + BORDER; column < level.width - BORDER; column++, at++) {
          if (here[at] === 0 || !isExtreme(around, at, level.width)) continue;
          const point = refined(level, octave, layer, row, column);
          if (point) for (const angle of directions(level.images[point.layer], point)) points.push({ ...point, angle });
        }
      }
    }
  });
  points.sort((one, other) => one.x - other.x || one.y - other.y || other.size - one.size || one.angle - other.angle || other.response - one.response);
  const distinct = points.filter((point, i) => !i || ["x", "y", "size", "angle"].some((name) => point[name] !== points[i - 1][name]));
  const least = distinct.length > count ? distinct.map(({ response }) => response).sort((one, other) => other - one)[count - 1] : 0;
  const kept = distinct.filter((point) => point.response >= least && allowed[floor(point.y / 2 + 0.5) * width + floor(point.x / 2 + 0.5)]);
  const vectors = kept.map((point) => described(levels[point.octave].images[point.layer], point, 1 / 2 ** point.octave));
  return { places: kept.map(({ x, y }) => [x / 2, y / 2]), vectors };
}
