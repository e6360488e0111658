// The one gate for a photo: a file in, upright sRGB pixels of a working copy out, and nothing else of the file.
import { picture } from "../pixels/picture.js";
import { checkSize, formatOf, Refused, sizeOf } from "./header.js";

const STRIP = 512; // rows read at a time: a large photo never lies in memory twice

/**
 * limits: config.json's `photo`. Returns {rgb, width, height}: a picture of three channels, and the upright full size.
 * Throws Refused.
 */
export async function openPhoto(file, limits) {
  const bitmap = await decode(file, limits);
  try {
    return pixelsOf(bitmap, limits);
  } finally {
    bitmap.close?.();
  }
}

/** The file decoded by the browser: upright, in sRGB. */
export async function decode(file, limits) {
  if (file.size === 0) throw new Refused("empty_file");
  if (file.size > limits.max_bytes) throw new Refused("file_too_large");
  const bytes = new Uint8Array(await file.arrayBuffer());
  const format = formatOf(bytes);
  const stored = sizeOf(bytes, format, limits.max_scans);
  if (stored) checkSize(stored, limits);
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob([bytes], { type: `image/${format}` }));
  } catch {
    throw new Refused(format === "heif" ? "heic_unreadable" : "damaged_file");
  }
  if (!stored) checkSize(bitmap, limits);
  return bitmap;
}

/** By how much the working copy may be reduced: 1, 2, 4 or 8. */
export function reduction({ width, height }, limits) {
  return [8, 4, 2].find((factor) => Math.floor(Math.min(width, height) / factor) >= limits.working_short_side) ?? 1;
}

/** The working copy of a bitmap, canvas or video frame; transparent parts lie on white. */
export function pixelsOf(source, limits) {
  const { width, height } = source;
  const factor = reduction(source, limits);
  const rgb = picture(Math.ceil(width / factor), Math.ceil(height / factor), 3);
  const rows = Math.min(STRIP, height);
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = rows;
  const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  for (let top = 0; top < height; top += rows) {
    const here = Math.min(rows, height - top);
    context.fillStyle = "white";
    context.fillRect(0, 0, width, here);
    context.drawImage(source, 0, -top);
    reduceInto(rgb, context.getImageData(0, 0, width, here), top / factor, factor);
  }
  canvas.width = canvas.height = 0; // Safari keeps a canvas's memory until its size is taken away
  return { rgb, width, height };
}

/**
 * Means of blocks of factor × factor RGBA pixels, rounded half up as Pillow's reduce does; partial ones at the edge. Red
 * and blue are summed in one number, 16 bits apart: 64 pixels of 255 at most do not meet.
 */
function reduceInto(rgb, { data, width, height }, firstRow, factor) {
  const pixels = new Int32Array(data.buffer, data.byteOffset, width * height), into = rgb.data;
  let at = firstRow * rgb.width * 3;
  if (factor === 1) {
    for (let from = 0; from < pixels.length; from++, at += 3) {
      const pixel = pixels[from];
      into[at] = pixel & 255;
      into[at + 1] = (pixel >>> 8) & 255;
      into[at + 2] = (pixel >>> 16) & 255;
    }
    return;
  }
  for (let top = 0; top < height; top += factor) {
    const bottom = Math.min(top + factor, height);
    for (let left = 0; left < width; left += factor) {
      const right = Math.min(left + factor, width);
      let redBlue = 0, green = 0;
      for (let y = top; y < bottom; y++) {
        for (let from = y * width + left, end = y * width + right; from < end; from++) {
          const pixel = pixels[from];
          redBlue += pixel & 0xff00ff;
          green += (pixel >>> 8) & 255;
        }
      }
      const count = (bottom - top) * (right - left), half = count >> 1;
      into[at++] = ((redBlue & 0xffff) + half) / count;
      into[at++] = (green + half) / count;
      into[at++] = ((redBlue >>> 16) + half) / count;
    }
  }
}

/** Whether the browser gives back the pixels that were drawn: some add noise against tracking. */
export function readsTrueColours() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 16;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const drawn = context.createImageData(16, 16);
  for (let i = 0; i < drawn.data.length; i++) drawn.data[i] = i % 4 === 3 ? 255 : (i * 37) % 256;
  context.putImageData(drawn, 0, 0);
  const read = context.getImageData(0, 0, 16, 16).data;
  return drawn.data.every((value, i) => value === read[i]);
}
