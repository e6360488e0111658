// Masks, maps and distances as OpenCV has them: connected parts, filled holes, chamfer distances, dilation, resizing.
const { floor, max, min, round, sqrt } = Math;

/** cv2.connectedComponents with four neighbours: the label of every pixel (0: nothing) and how many there are. */
export function parts(mask, width, height, neighbours = 4) {
  const labels = new Int32Array(width * height), stack = [];
  let count = 0;
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start] || labels[start]) continue;
    labels[start] = ++count;
    stack.push(start);
    while (stack.length) {
      const at = stack.pop(), x = at % width, y = (at - x) / width;
      for (let v = max(y - 1, 0); v <= min(y + 1, height - 1); v++) {
        for (let u = max(x - 1, 0); u <= min(x + 1, width - 1); u++) {
          const next = v * width + u;
          if (mask[next] && !labels[next] && (neighbours === 8 || u === x || v === y)) { labels[next] = count; stack.push(next); }
        }
      }
    }
  }
  return { labels, count };
}

/** The mask with its holes: what no path of side-by-side pixels connects with the picture's rim. */
export function filled(mask, width, height) {
  const wide = width + 2, outside = new Uint8Array(wide * (height + 2)), stack = [0];
  outside[0] = 1;
  while (stack.length) {
    const at = stack.pop(), x = at % wide, y = (at - x) / wide;
    for (const [u, v] of [[x - 1, y], [x + 1, y], [x, y - 1], [x, y + 1]]) {
      if (u < 0 || v < 0 || u >= wide || v >= height + 2) continue;
      const next = v * wide + u, inside = u > 0 && v > 0 && u <= width && v <= height && mask[(v - 1) * width + u - 1];
      if (!outside[next] && !inside) { outside[next] = 1; stack.push(next); }
    }
  }
  return Uint8Array.from(mask, (_, at) => (outside[(floor(at / width) + 1) * wide + (at % width) + 1] ? 0 : 1));
}

/** The largest part of a mask, holes filled; null for an empty one. */
export function largest(mask, width, height) {
  const { labels, count } = parts(mask, width, height, 8);
  let best = null, most = 0;
  for (let label = 1; label <= count; label++) {
    const whole = filled(labels.map((found) => (found === label ? 1 : 0)), width, height), area = whole.reduce((sum, value) => sum + value, 0);
    if (area > most) [best, most] = [whole, area];
  }
  return best;
}

const STRAIGHT = 65536, DIAGONAL = round(1.4 * 65536), LONG = round(2.1969 * 65536), FAR = 0x1fffffff;

/** cv2.distanceTransform(mask, DIST_L2, 5): how far every pixel of the mask lies from what is none, in pixels. */
export function distances(mask, width, height) {
  const wide = width + 4, away = new Float64Array(wide * (height + 4)).fill(FAR), found = new Float32Array(width * height);
  const before = [[-2 * wide - 1, LONG], [-2 * wide + 1, LONG], [-wide - 2, LONG], [-wide - 1, DIAGONAL], [-wide, STRAIGHT], [-wide + 1, DIAGONAL], [-wide + 2, LONG], [-1, STRAIGHT]];
  const pass = (x, y, sign) => {
    const at = (y + 2) * wide + x + 2;
    if (!mask[y * width + x]) { away[at] = 0; return; }
    let least = away[at];
    for (const [step, length] of before) least = min(least, away[at + sign * step] + length);
    away[at] = least;
  };
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) pass(x, y, 1);
  for (let y = height - 1; y >= 0; y--) {
    for (let x = width - 1; x >= 0; x--) {
      pass(x, y, -1);
      found[y * width + x] = away[(y + 2) * wide + x + 2] / 65536;
    }
  }
  return found;
}

/** cv2.dilate with an ellipse of 2 × margin + 1 pixels. */
export function dilated(mask, width, height, margin) {
  const grown = Uint8Array.from(mask), spans = [];
  for (let down = -margin; down <= margin; down++) spans.push([down, round(sqrt(margin * margin - down * down))]);
  const at = (x, y) => x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!mask[y * width + x] || (at(x - 1, y) && at(x + 1, y) && at(x, y - 1) && at(x, y + 1))) continue;
      for (const [down, across] of spans) {
        const row = y + down;
        if (row >= 0 && row < height) grown.fill(1, row * width + max(x - across, 0), row * width + min(x + across + 1, width));
      }
    }
  }
  return grown;
}

/** cv2.resize(…, INTER_LINEAR) of a map of numbers. */
export function resizeMap(values, width, height, wide, high) {
  const table = (from, to) => Array.from({ length: to }, (_, d) => {
    const place = (d + 0.5) * (from / to) - 0.5, low = floor(place);
    return low < 0 ? [0, 0, 0] : low >= from - 1 ? [from - 1, from - 1, 0] : [low, low + 1, place - low];
  });
  const columns = table(width, wide), found = new Float32Array(wide * high);
  table(height, high).forEach(([top, bottom, down], y) => {
    for (let x = 0; x < wide; x++) {
      const [left, right, across] = columns[x];
      const upper = values[top * width + left] * (1 - across) + values[top * width + right] * across;
      const lower = values[bottom * width + left] * (1 - across) + values[bottom * width + right] * across;
      found[y * wide + x] = upper * (1 - down) + lower * down;
    }
  });
  return found;
}

/** What lies within a box of a mask or map of one number a pixel. */
export function within(values, width, [left, top, right, bottom]) {
  const found = new values.constructor((right - left) * (bottom - top));
  for (let y = top; y < bottom; y++) found.set(values.subarray(y * width + left, y * width + right), (y - top) * (right - left));
  return found;
}

/** [left, top, right, bottom] close around a mask. */
export function boxOf(mask, width, height) {
  let left = width, top = height, right = 0, bottom = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!mask[y * width + x]) continue;
      left = min(left, x); right = max(right, x + 1); top = min(top, y); bottom = y + 1;
    }
  }
  return [left, top, right, bottom];
}

export const count = (mask) => mask.reduce((sum, value) => sum + (value ? 1 : 0), 0);
export const clamp = (value, low, high) => min(max(value, low), high);
