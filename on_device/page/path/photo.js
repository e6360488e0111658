// The one gate for a photo: a file in, upright sRGB pixels of a working copy out, and nothing else of the file.
import { cut, picture } from "../pixels/picture.js";
import { toSrgb } from "../pixels/colour.js";
import { framesGiveBack, readFrame } from "../pixels/frames.js";
import { partsOf, without } from "./containers.js";
import { checkSize, formatOf, Refused, sizeOf } from "./header.js";
import { withItsEnd } from "./jpeg_end.js";
import { orientationOf, turnedBitmap } from "./orientation.js";
import { statedColours } from "./stated_colours.js";

const STRIP = 512; // rows read at a time: a large photo never lies in memory twice
const MOST_LOST = 0.49; // levels; half a level more would round 255 up

/**
 * limits: config.json's `photo`. region: a box in upright full-size pixels, of which alone the pixels are wanted, or
 * null. Returns {rgb, width, height}: a picture of three channels, and the upright full size of it or of the region.
 * Throws Refused.
 */
export async function openPhoto(file, limits, region = null) {
  const bitmap = await decode(file, limits);
  try {
    return await readPixels(bitmap, limits, region);
  } finally {
    bitmap.close?.();
  }
}

/** What the levels of a bitmap mean, where they are not sRGB's yet. */
const coloursOf = new WeakMap();

/** The file decoded by the browser: upright, and in sRGB but for what `coloursOf` holds. */
export async function decode(file, limits) {
  if (file.size === 0) throw new Refused("empty_file");
  if (file.size > limits.max_bytes) throw new Refused("file_too_large");
  let bytes = new Uint8Array(await file.arrayBuffer());
  const format = formatOf(bytes), stored = sizeOf(bytes, format, limits);
  if (stored) checkSize(stored, limits);
  if (stored?.unended) bytes = await ended(bytes, limits);
  const parts = format === "heif" ? [] : partsOf(bytes, format);
  const { colours, told } = await statedColours(parts, format), lies = orientationOf(parts, format);
  const followed = new Set([...told, ...lies.told]), left = without(bytes, format, parts.filter((part) => followed.has(part)));
  let bitmap;
  try {
    bitmap = turnedBitmap(await upright(new Blob([left], { type: `image/${format}` })), lies.turn);
  } catch {
    throw new Refused(format === "heif" ? "heic_unreadable" : "damaged_file");
  }
  if (!stored) checkSize(bitmap, limits);
  if (colours) coloursOf.set(bitmap, colours);
  return bitmap;
}

async function ended(bytes, limits) {
  try {
    return await withItsEnd(bytes, (jpeg) => levelsOf(jpeg, limits));
  } catch {
    throw new Refused("damaged_file");
  }
}

async function levelsOf(jpeg, limits) {
  const bitmap = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
  try {
    return (await readPixels(bitmap, limits)).rgb.data;
  } finally {
    bitmap.close?.();
  }
}

/** As EXIF says, which some browsers leave out where they are not told (whatwg/html issue 7210) and older ones cannot be told. */
async function upright(blob) {
  try {
    return await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch (problem) {
    if (!(problem instanceof TypeError)) throw problem;
    return createImageBitmap(blob);
  }
}

/** The same of a photo that is open already: what the camera gave lies in no file. */
export function partOf({ rgb, width, height }, region, limits) {
  const [left, top, right, bottom] = clipped(region, { width, height }, limits);
  const across = rgb.width / width, down = rgb.height / height;
  const box = [left * across, top * down, right * across, bottom * down].map(Math.round);
  return { rgb: cut(rgb, box), width: right - left, height: bottom - top };
}

/** A box as far as it lies in a picture of this size. Throws Refused where too little is left of it. */
function clipped([left, top, right, bottom], { width, height }, limits) {
  const box = [Math.max(left, 0), Math.max(top, 0), Math.min(right, width), Math.min(bottom, height)];
  if (Math.min(box[2] - box[0], box[3] - box[1]) < limits.min_region_side) throw new Refused("too_small_photo");
  return box;
}

/** By how much the working copy may be reduced: 1, 2, 4 or 8. */
export function reduction({ width, height }, limits) {
  return [8, 4, 2].find((factor) => Math.floor(Math.min(width, height) / factor) >= limits.working_short_side) ?? 1;
}

/** Whether pixels are read by frames, as the canvas adds noise to them. */
let byFrames = false;

/** The working copy of a bitmap or canvas, or of a region of it, read past a canvas that adds noise. */
export async function readPixels(source, limits, region = null) {
  if (!byFrames) return pixelsOf(source, limits, region);
  const { left, above, width, height, factor, rgb } = workingCopy(source, limits, region);
  for (let top = 0; top < height; top += STRIP) {
    const strip = await readFrame(source, left, above + top, width, Math.min(STRIP, height - top));
    if (!strip) return pixelsOf(source, limits, region);
    reduceInto(rgb, strip, top / factor, factor, 0);
  }
  return inSrgb(source, { rgb, width, height });
}

/** The same of a video frame too, and by the canvas; transparent parts lie on white. */
export function pixelsOf(source, limits, region = null) {
  const { left, above, width, height, factor, rgb } = workingCopy(source, limits, region), half = factor > 1 ? 2 : 1;
  const rows = Math.min(STRIP, height);
  const context = contextOf(Math.ceil(width / half), Math.ceil(rows / half));
  const lost = half > 1 ? lostByHalving() : 0;
  for (let top = 0; top < height; top += rows) {
    const here = Math.min(rows, height - top);
    const strip = draw(context, source, left, above + top, width, here, half);
    reduceInto(rgb, strip, top / factor, factor / half, lost);
  }
  context.canvas.width = context.canvas.height = 0; // Safari keeps a canvas's memory until its size is taken away
  return inSrgb(source, { rgb, width, height });
}

/** What is read of a source, by how much it is reduced, and the picture to read it into. */
function workingCopy(source, limits, region) {
  const [left, above, right, below] = region ? clipped(region, source, limits) : [0, 0, source.width, source.height];
  const width = right - left, height = below - above, factor = reduction({ width, height }, limits);
  return { left, above, width, height, factor, rgb: picture(Math.ceil(width / factor), Math.ceil(height / factor), 3) };
}

function inSrgb(source, photo) {
  if (coloursOf.has(source)) toSrgb(photo.rgb, coloursOf.get(source));
  return photo;
}

function contextOf(width, height) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  return canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
}

/**
 * Pixels of a box of a source, whole or at half its size. The browser halves: a bilinear look at the corner where
 * four pixels meet is their mean, and saves reading three of four pixels back, which costs more than all the rest.
 */
function draw(context, source, left, top, width, height, half) {
  const wide = Math.ceil(width / half), high = Math.ceil(height / half);
  context.imageSmoothingQuality = "low"; // "medium" and "high" are slower ways to the same means
  context.fillStyle = "white";
  context.fillRect(0, 0, wide, high);
  // What is left over at an odd edge fills its pixel first: the halved picture covers only half of that.
  if (width % half) context.drawImage(source, left + width - 1, top, 1, height, wide - 1, 0, 1, height / half);
  if (height % half) context.drawImage(source, left, top + height - 1, width, 1, 0, high - 1, width / half, 1);
  context.drawImage(source, left, top, width, height, 0, 0, width / half, height / half);
  return context.getImageData(0, 0, wide, high);
}

/** By how many levels this browser's halving lies under the true mean: some cut fractions off. */
export function lostByHalving() {
  const SIDE = 64, source = contextOf(SIDE, SIDE), drawn = source.createImageData(SIDE, SIDE);
  for (let i = 0, level = 1; i < drawn.data.length; i++) {
    level = (level * 75 + 74) % 65537;
    drawn.data[i] = i % 4 === 3 ? 255 : level >> 8;
  }
  source.putImageData(drawn, 0, 0);
  const mean = ({ data }) => data.reduce((sum, value, i) => (i % 4 === 3 ? sum : sum + value), 0) / (0.75 * data.length);
  const halved = draw(contextOf(SIDE / 2, SIDE / 2), source.canvas, 0, 0, SIDE, SIDE, 2);
  return Math.min(Math.max(mean(drawn) - mean(halved), 0), MOST_LOST);
}

/**
 * Means of blocks of side × side RGBA pixels plus `lost` levels, rounded half up as Pillow's reduce does; partial blocks
 * at the edge. Red and blue are summed in one number, 16 bits apart: 64 pixels of 255 at most do not meet.
 */
function reduceInto(rgb, { data, width, height }, firstRow, side, lost) {
  const pixels = new Int32Array(data.buffer, data.byteOffset, width * height), into = rgb.data;
  let at = firstRow * rgb.width * 3;
  if (side === 1) {
    for (let from = 0; from < pixels.length; from++, at += 3) {
      const pixel = pixels[from];
      into[at] = pixel & 255;
      into[at + 1] = (pixel >>> 8) & 255;
      into[at + 2] = (pixel >>> 16) & 255;
    }
    return;
  }
  for (let top = 0; top < height; top += side) {
    const bottom = Math.min(top + side, height);
    for (let left = 0; left < width; left += side) {
      const right = Math.min(left + side, width);
      let redBlue = 0, green = 0;
      for (let y = top; y < bottom; y++) {
        for (let from = y * width + left, end = y * width + right; from < end; from++) {
          const pixel = pixels[from];
          redBlue += pixel & 0xff00ff;
          green += (pixel >>> 8) & 255;
        }
      }
      const count = (bottom - top) * (right - left), more = Math.floor(count * (0.5 + lost));
      into[at++] = ((redBlue & 0xffff) + more) / count;
      into[at++] = (green + more) / count;
      into[at++] = ((redBlue >>> 16) + more) / count;
    }
  }
}

const HARMLESS_NOISE = 1; // level: what rounding and JPEG add anyway
const MOST_NOISE = 3; // of Safari's and Chromium's protection; it moves a risk by .05, so that photos must be read past it

/**
 * Whether the browser gives back the pixels that were drawn, by its canvas or by frames: "true", "noisy" where it adds a
 * level against tracking (Brave, Firefox's protection), which moves no result, or "false".
 */
export async function readsColours() {
  const SIDE = 64, context = contextOf(SIDE, SIDE);
  const drawn = context.createImageData(SIDE, SIDE);
  for (let i = 0; i < drawn.data.length; i++) drawn.data[i] = i % 4 === 3 ? 255 : (i * 37) % 256;
  context.putImageData(drawn, 0, 0);
  const read = context.getImageData(0, 0, SIDE, SIDE).data;
  const off = drawn.data.reduce((most, value, i) => Math.max(most, Math.abs(value - read[i])), 0);
  if (off === 0) return "true";
  byFrames = off <= MOST_NOISE && (await framesGiveBack(drawn)); // with more, what the diary codes anew would be nonsense
  return byFrames ? "true" : off <= HARMLESS_NOISE ? "noisy" : "false";
}
