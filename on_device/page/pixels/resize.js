// cv2.resize for 8-bit pictures, with OpenCV's own arithmetic: INTER_AREA, INTER_LINEAR and INTER_NEAREST.
import { picture, roundToEven } from "./picture.js";

const fround = Math.fround;

export function resizeNearest(source, width, height) {
  const { channels, data } = source;
  const target = picture(width, height, channels);
  const scaleX = 1 / (width / source.width), scaleY = 1 / (height / source.height);
  const columns = Int32Array.from({ length: width }, (_, x) => Math.min(Math.floor(x * scaleX), source.width - 1));
  let at = 0;
  for (let y = 0; y < height; y++) {
    const row = Math.min(Math.floor(y * scaleY), source.height - 1) * source.width;
    for (let x = 0; x < width; x++) {
      const from = (row + columns[x]) * channels;
      for (let c = 0; c < channels; c++) target.data[at++] = data[from + c];
    }
  }
  return target;
}

/** Area averaging; only for shrinking, as in the Python path. */
export function resizeArea(source, width, height, scaleX = 1 / (width / source.width), scaleY = 1 / (height / source.height)) {
  const wholeX = roundToEven(scaleX), wholeY = roundToEven(scaleY);
  if (Math.abs(scaleX - wholeX) < 2.3e-16 && Math.abs(scaleY - wholeY) < 2.3e-16) {
    return blocks(source, width, height, wholeX, wholeY);
  }
  return weighted(source, width, height, scaleX, scaleY);
}

/** Means of whole blocks; those that stick out of the picture average what there is. */
function blocks(source, width, height, across, down) {
  const { channels, data } = source;
  const target = picture(width, height, channels);
  const share = fround(1 / (across * down)), twos = across === 2 && down === 2;
  const row = source.width * channels;
  for (let y = 0; y < height; y++) {
    const top = y * down, bottom = Math.min(top + down, source.height);
    let at = y * width * channels, x = 0;
    if (twos && bottom - top === 2) {
      // By far the most of them: pixel and neighbour, here and one row below.
      const whole = Math.min(width, source.width >> 1);
      for (let from = top * row; x < whole; x++, from += channels) {
        for (let c = 0; c < channels; c++, from++) {
          target.data[at++] = (data[from] + data[from + channels] + data[from + row] + data[from + row + channels] + 2) >> 2;
        }
      }
    }
    for (; x < width; x++) {
      const left = x * across, right = Math.min(left + across, source.width);
      const whole = right - left === across && bottom - top === down;
      const count = (right - left) * (bottom - top);
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let v = top; v < bottom; v++) {
          const row = v * source.width;
          for (let u = left; u < right; u++) sum += data[(row + u) * channels + c];
        }
        if (whole && twos) target.data[at++] = (sum + 2) >> 2;
        else target.data[at++] = roundToEven(whole ? fround(sum * share) : fround(sum / count));
      }
    }
  }
  return target;
}

/** Which source pixels make up each target pixel along one axis, and their weights (OpenCV's computeResizeAreaTab). */
function areaTable(from, to, scale) {
  const targets = [], sources = [], weights = [];
  const add = (target, at, weight) => { targets.push(target); sources.push(at); weights.push(fround(weight)); };
  for (let d = 0; d < to; d++) {
    const start = d * scale, end = start + scale;
    const cell = Math.min(scale, from - start);
    let first = Math.ceil(start);
    const last = Math.min(Math.floor(end), from - 1);
    first = Math.min(first, last);
    if (first - start > 1e-3) add(d, first - 1, (first - start) / cell);
    for (let s = first; s < last; s++) add(d, s, 1 / cell);
    if (end - last > 1e-3) add(d, last, Math.min(Math.min(end - last, 1), cell) / cell);
  }
  return { targets: Int32Array.from(targets), sources: Int32Array.from(sources), weights: Float32Array.from(weights) };
}

function weighted(source, width, height, scaleX, scaleY) {
  const { channels, data } = source;
  const target = picture(width, height, channels);
  const across = areaTable(source.width, width, scaleX), down = areaTable(source.height, height, scaleY);
  const row = width * channels, columns = across.targets.length;
  const buffer = new Float32Array(row), sum = new Float32Array(row);
  const into = across.targets.map((x) => x * channels), from = across.sources.map((x) => x * channels), weights = across.weights;
  const ends = Int32Array.from({ length: width }, (_, x) => across.targets.lastIndexOf(x) + 1);
  const flush = (y) => {
    for (let i = 0; i < row; i++) target.data[y * row + i] = roundToEven(sum[i]);
    sum.fill(0);
  };
  let current = 0;
  for (let k = 0; k < down.targets.length; k++) {
    if (down.targets[k] !== current) { flush(current); current = down.targets[k]; }
    const base = down.sources[k] * source.width * channels, share = down.weights[k];
    if (channels === 3) {
      for (let x = 0, j = 0, d = 0; x < width; x++, d += 3) {
        let red = 0, green = 0, blue = 0;
        for (const end = ends[x]; j < end; j++) {
          const weight = weights[j], s = base + from[j];
          red = fround(red + fround(data[s] * weight));
          green = fround(green + fround(data[s + 1] * weight));
          blue = fround(blue + fround(data[s + 2] * weight));
        }
        buffer[d] = red;
        buffer[d + 1] = green;
        buffer[d + 2] = blue;
      }
    } else {
      buffer.fill(0);
      for (let j = 0; j < columns; j++) {
        for (let c = 0; c < channels; c++) buffer[into[j] + c] += fround(data[base + from[j] + c] * weights[j]);
      }
    }
    for (let i = 0; i < row; i++) sum[i] += fround(share * buffer[i]);
  }
  flush(current);
  return target;
}

/** Bilinear in OpenCV's fixed point; an exact halving is the mean of two by two, as there. */
export function resizeLinear(source, width, height) {
  if (source.width === 2 * width && source.height === 2 * height) return blocks(source, width, height, 2, 2);
  const { channels, data } = source;
  const target = picture(width, height, channels);
  const row = width * channels;
  const columns = linearTable(source.width, width, true), rows = linearTable(source.height, height, false);
  const lines = [new Int32Array(row), new Int32Array(row)], held = [-1, -1];
  const line = (y) => {
    const slot = y & 1;
    if (held[slot] === y) return lines[slot];
    const into = lines[slot], base = y * source.width * channels;
    for (let x = 0; x < width; x++) {
      const a = base + columns.low[x] * channels, b = base + columns.high[x] * channels;
      for (let c = 0; c < channels; c++) {
        into[x * channels + c] = data[a + c] * columns.lowWeight[x] + data[b + c] * columns.highWeight[x];
      }
    }
    held[slot] = y;
    return into;
  };
  for (let y = 0; y < height; y++) {
    const upper = line(rows.low[y]), lower = rows.high[y] === rows.low[y] ? upper : line(rows.high[y]);
    const a = rows.lowWeight[y], b = rows.highWeight[y];
    for (let i = 0; i < row; i++) {
      target.data[y * row + i] = (((a * (upper[i] >> 4)) >> 16) + ((b * (lower[i] >> 4)) >> 16) + 2) >> 2;
    }
  }
  return target;
}

function linearTable(from, to, edgeWhole) {
  const table = { low: new Int32Array(to), high: new Int32Array(to), lowWeight: new Int32Array(to), highWeight: new Int32Array(to) };
  const scale = 1 / (to / from);
  for (let d = 0; d < to; d++) {
    const place = fround((d + 0.5) * scale - 0.5);
    let low = Math.floor(place), part = fround(place - low);
    if (edgeWhole && low < 0) { low = 0; part = 0; }
    if (edgeWhole && low >= from - 1) { low = from - 1; part = 0; }
    table.low[d] = Math.min(Math.max(low, 0), from - 1);
    table.high[d] = Math.min(Math.max(low + 1, 0), from - 1);
    table.lowWeight[d] = roundToEven(fround(fround(1 - part) * 2048));
    table.highWeight[d] = roundToEven(fround(part * 2048));
  }
  return table;
}

/** A square map of from × from numbers enlarged by cubic convolution, as OpenCV's INTER_CUBIC. */
export function enlargeMap(values, from, to) {
  const scale = from / to, inside = (place) => Math.min(Math.max(place, 0), from - 1);
  const places = Array.from({ length: to }, (_, d) => {
    const place = (d + 0.5) * scale - 0.5, low = Math.floor(place), weights = cubicWeights(place - low);
    return weights.map((weight, i) => [inside(low - 1 + i), weight]);
  });
  const across = new Float32Array(from * to), enlarged = new Float32Array(to * to);
  for (let y = 0; y < from; y++) {
    places.forEach((near, x) => { across[y * to + x] = near.reduce((sum, [at, weight]) => sum + values[y * from + at] * weight, 0); });
  }
  places.forEach((near, y) => {
    for (let x = 0; x < to; x++) enlarged[y * to + x] = near.reduce((sum, [at, weight]) => sum + across[at * to + x] * weight, 0);
  });
  return enlarged;
}

/** Of the four neighbours of a place that lies `share` (0…1) beyond the second of them. */
function cubicWeights(share) {
  const a = -0.75, x = share;
  const first = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a;
  const second = ((a + 2) * x - (a + 3)) * x * x + 1;
  const third = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1;
  return [first, second, third, 1 - first - second - third];
}
