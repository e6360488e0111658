// How a PNG or WebP lies, and turning it: browsers follow a JPEG's tag, and those of other formats each in its own way.
import { exifOf, tagOf } from "./containers.js";

const ORIENTATION = 0x0112, SHORT = 3;
/** Orientation to the canvas's matrix, for a picture of w × h as stored. */
const TURNS = {
  2: (w) => [-1, 0, 0, 1, w, 0],
  3: (w, h) => [-1, 0, 0, -1, w, h],
  4: (w, h) => [1, 0, 0, -1, 0, h],
  5: () => [0, 1, 1, 0, 0, 0],
  6: (w, h) => [0, 1, -1, 0, h, 0],
  7: (w, h) => [0, -1, -1, 0, h, w],
  8: (w) => [0, -1, 1, 0, 0, w],
};

/** {turn, told}: how a PNG or WebP has to be turned (null: not at all), and the parts that say so, for no browser to follow them. */
export function orientationOf(parts, format) {
  const exif = format === "png" || format === "webp" ? exifOf(parts, format) : undefined;
  if (!exif) return { turn: null, told: [] };
  let value = null;
  try {
    const one = ({ view, at, little }) => view.getUint16(at - 6, little) === SHORT && view.getUint32(at - 4, little) === 1;
    value = tagOf(exif, [], ORIENTATION, (tag) => (one(tag) ? tag.view.getUint16(tag.at, tag.little) : null));
  } catch (problem) {
    if (!(problem instanceof RangeError)) throw problem; // unreadable tags turn nothing
  }
  return { turn: TURNS[value] ?? null, told: parts.filter(({ kind }) => kind === "eXIf" || kind === "EXIF") };
}

/** A bitmap turned, as a canvas; the bitmap itself where there is nothing to turn. */
export function turnedBitmap(bitmap, turn) {
  if (!turn) return bitmap;
  const { width, height } = bitmap, matrix = turn(width, height), lying = matrix[0] === 0;
  const canvas = Object.assign(document.createElement("canvas"), { width: lying ? height : width, height: lying ? width : height });
  const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  context.imageSmoothingEnabled = false;
  context.setTransform(...matrix);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return canvas;
}
