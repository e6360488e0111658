// cv2.GaussianBlur (8-bit: OpenCV's bit-exact fixed point; maps of numbers: plain), and blurred gradients.
import { picture, roundToEven } from "./picture.js";

/** Index beyond the edge mirrored without repeating the edge (BORDER_REFLECT_101). */
export function mirrored(at, length) {
  if (length === 1) return 0;
  while (at < 0 || at >= length) at = at < 0 ? -at : 2 * length - 2 - at;
  return at;
}

function gaussian(sigma, size) {
  const reach = size >> 1;
  const bell = Array.from({ length: size }, (_, i) => Math.exp(-((i - reach) ** 2) / (2 * sigma * sigma)));
  const total = bell.reduce((sum, value) => sum + value, 0);
  return bell.map((value) => value / total);
}

/** The bell in 256ths, each rounding error handed on to the next tap, so that they sum to 256. */
function fixedPoint(bell) {
  const middle = bell.length >> 1, taps = new Int32Array(bell.length);
  let error = 0, sum = 0;
  for (let i = 0; i < middle; i++) {
    const wanted = bell[i] * 256 + error;
    taps[i] = taps[bell.length - 1 - i] = roundToEven(wanted);
    error = wanted - taps[i];
    sum += taps[i];
  }
  taps[middle] = 256 - 2 * sum;
  return taps;
}

/** GaussianBlur((3, 3), 0), whose bell OpenCV fixes at a quarter, a half, a quarter. */
export function blurThree(source) { return blurFixed(source, Int32Array.of(64, 128, 64)); }

/** GaussianBlur((0, 0), sigma) of a picture. */
export function blurPicture(source, sigma) {
  return blurFixed(source, fixedPoint(gaussian(sigma, roundToEven(sigma * 6 + 1) | 1)));
}

function blurFixed(source, taps) {
  const { width, height, channels, data } = source;
  const target = picture(width, height, channels);
  const reach = taps.length >> 1, row = width * channels;
  const across = new Int32Array(row * height);
  const columns = Array.from(taps, (_, k) => Int32Array.from({ length: width }, (__, x) => mirrored(x + k - reach, width) * channels));
  for (let y = 0; y < height; y++) {
    for (let k = 0; k < taps.length; k++) {
      const tap = taps[k], column = columns[k], base = y * row;
      for (let x = 0, at = base; x < width; x++) {
        for (let c = 0; c < channels; c++) across[at++] += tap * data[base + column[x] + c];
      }
    }
  }
  const sum = new Int32Array(row);
  for (let y = 0; y < height; y++) {
    sum.fill(1 << 15);
    for (let k = 0; k < taps.length; k++) {
      const base = mirrored(y + k - reach, height) * row, tap = taps[k];
      for (let i = 0; i < row; i++) sum[i] += tap * across[base + i];
    }
    for (let i = 0; i < row; i++) target.data[y * row + i] = sum[i] >> 16;
  }
  return target;
}

/** (H × W) numbers filtered along rows and columns by the same taps. */
function filterMap(values, width, height, taps) {
  const between = new Float32Array(width * height), filtered = new Float32Array(width * height);
  const reach = taps.length >> 1;
  const line = new Float64Array(width + 2 * reach);
  const columns = Int32Array.from(line, (_, i) => mirrored(i - reach, width));
  for (let y = 0; y < height; y++) {
    const base = y * width;
    for (let i = 0; i < line.length; i++) line[i] = values[base + columns[i]];
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < taps.length; k++) sum += taps[k] * line[x + k];
      between[base + x] = sum;
    }
  }
  const sums = new Float64Array(width);
  for (let y = 0; y < height; y++) {
    sums.fill(0);
    for (let k = 0; k < taps.length; k++) {
      const tap = taps[k], from = mirrored(y + k - reach, height) * width;
      for (let x = 0; x < width; x++) sums[x] += tap * between[from + x];
    }
    filtered.set(sums, y * width);
  }
  return filtered;
}

/** GaussianBlur((0, 0), sigma) of a map of numbers. */
export function blurMap(values, width, height, sigma) {
  const bell = gaussian(sigma, roundToEven(sigma * 8 + 1) | 1);
  return filterMap(values, width, height, Float64Array.from(bell));
}

/**
 * Gradient of a one-channel picture blurred by a bell: its size at every pixel. bell: 2r + 1 taps, even; slope: its
 * derivative, odd. Both folded at their middle, so that each pair of pixels is read once.
 */
export function gradientSizes({ width, height, data }, bell, slope) {
  const reach = bell.length >> 1, area = width * height;
  const bells = Float64Array.from(bell.slice(reach)), slopes = Float64Array.from(slope.slice(reach));
  const smooth = new Float64Array(area), steep = new Float64Array(area);
  const line = new Float64Array(width + 2 * reach);
  const columns = Int32Array.from(line, (_, i) => mirrored(i - reach, width));
  for (let y = 0; y < height; y++) {
    const base = y * width;
    for (let i = 0; i < line.length; i++) line[i] = data[base + columns[i]];
    for (let x = 0; x < width; x++) {
      let even = bells[0] * line[x + reach], odd = 0;
      for (let k = 1; k <= reach; k++) {
        const after = line[x + reach + k], before = line[x + reach - k];
        even += bells[k] * (after + before);
        odd += slopes[k] * (after - before);
      }
      smooth[base + x] = even;
      steep[base + x] = odd;
    }
  }
  const sizes = new Float32Array(area), across = new Float64Array(width), down = new Float64Array(width);
  for (let y = 0; y < height; y++) {
    const base = y * width;
    for (let x = 0; x < width; x++) { across[x] = bells[0] * steep[base + x]; down[x] = 0; }
    for (let k = 1; k <= reach; k++) {
      const after = mirrored(y + k, height) * width, before = mirrored(y - k, height) * width;
      const even = bells[k], odd = slopes[k];
      for (let x = 0; x < width; x++) {
        across[x] += even * (steep[after + x] + steep[before + x]);
        down[x] += odd * (smooth[after + x] - smooth[before + x]);
      }
    }
    for (let x = 0; x < width; x++) sizes[base + x] = Math.sqrt(across[x] * across[x] + down[x] * down[x]);
  }
  return sizes;
}

/** The same at one pixel only. */
export function gradientSizeAt({ width, height, data }, at, bell, slope) {
  const reach = bell.length >> 1, x = at % width, y = (at - x) / width;
  let across = 0, down = 0;
  for (let v = 0; v < bell.length; v++) {
    const base = mirrored(y + v - reach, height) * width;
    let smooth = 0, steep = 0;
    for (let u = 0; u < bell.length; u++) {
      const value = data[base + mirrored(x + u - reach, width)];
      smooth += bell[u] * value;
      steep += slope[u] * value;
    }
    across += bell[v] * steep;
    down += slope[v] * smooth;
  }
  return Math.sqrt(across * across + down * down);
}
