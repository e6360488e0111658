// cv2.remap of a one-channel picture at single places, edges repeated (BORDER_REPLICATE).
import { roundToEven } from "./picture.js";

function inside(at, length) { return at < 0 ? 0 : at >= length ? length - 1 : at; }

/** INTER_NEAREST. */
export function nearestAt({ width, height, data }, x, y) {
  return data[inside(roundToEven(y), height) * width + inside(roundToEven(x), width)];
}

/** INTER_LINEAR, in OpenCV's 32nds of a pixel. */
export function linearAt({ width, height, data }, x, y) {
  const u = roundToEven(x * 32), v = roundToEven(y * 32);
  const a = u & 31, b = v & 31;
  const left = inside(u >> 5, width), right = inside((u >> 5) + 1, width);
  const top = inside(v >> 5, height) * width, bottom = inside((v >> 5) + 1, height) * width;
  const sum = (data[top + left] * (32 - a) + data[top + right] * a) * (32 - b) + (data[bottom + left] * (32 - a) + data[bottom + right] * a) * b;
  return (sum + 512) >> 10;
}
