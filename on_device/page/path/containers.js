// The parts that a JPEG, PNG or WebP file consists of, and Exif's directories.
import { text } from "./header.js";

const SCAN = 0xda, PADDING = 0xff;
const WEBP_HEAD = 12, WEBP_FLAGS = 20, WEBP_FLAG_OF = { ICCP: 0x20, EXIF: 0x08 };

/** Every part before a JPEG's pixels, all chunks of a PNG or WebP: {kind, start, end, content}. A JPEG's kinds are numbers. */
export function partsOf(bytes, format) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (format === "jpeg") return jpegSegments(bytes);
  const found = [], isPng = format === "png";
  for (let at = isPng ? 8 : WEBP_HEAD; at + 8 <= bytes.length; ) {
    const length = isPng ? view.getUint32(at) : view.getUint32(at + 4, true), start = at + 8;
    const kind = isPng ? text(bytes, at + 4, start) : text(bytes, at, at + 4);
    const end = isPng ? start + length + 4 : start + length + (length % 2);
    found.push({ kind, start: at, end, content: bytes.subarray(start, start + length) });
    at = end;
  }
  return found;
}

function jpegSegments(bytes) {
  const found = [];
  for (let at = 2; bytes[at] === 0xff; ) {
    const start = at;
    while (bytes[at + 1] === PADDING) at++;
    const kind = bytes[at + 1];
    if (kind === undefined || kind === SCAN) break;
    at += 2 + 256 * bytes[at + 2] + bytes[at + 3];
    if (!(at > start + 3)) break;
    found.push({ kind, start, end: at, content: bytes.subarray(bytes.indexOf(kind, start) + 3, at) });
  }
  return found;
}

/** The file without some of its parts. */
export function without(bytes, format, parts) {
  if (!parts.length) return bytes;
  const kept = [];
  let at = 0;
  for (const { start, end } of parts) { kept.push(bytes.subarray(at, start)); at = end; }
  kept.push(bytes.subarray(at));
  const left = new Uint8Array(kept.reduce((sum, part) => sum + part.length, 0));
  at = 0;
  for (const part of kept) { left.set(part, at); at += part.length; }
  if (format === "webp") tellWebp(left, parts);
  return left;
}

/** A WebP's head says how long it is and what it holds. */
function tellWebp(bytes, gone) {
  const view = new DataView(bytes.buffer), removed = gone.reduce((sum, { start, end }) => sum + end - start, 0);
  view.setUint32(4, view.getUint32(4, true) - removed, true);
  if (text(bytes, WEBP_HEAD, WEBP_HEAD + 4) !== "VP8X") return;
  for (const { kind } of gone) bytes[WEBP_FLAGS] &= ~(WEBP_FLAG_OF[kind] ?? 0);
}

/** A file's Exif, with or without its six letters before; undefined where there is none. */
export function exifOf(parts, format) {
  if (format === "jpeg") return parts.find(({ kind, content }) => kind === 0xe1 && text(content, 0, 6) === "Exif\0\0")?.content;
  const kind = format === "png" ? "eXIf" : "EXIF", chunks = parts.filter((part) => part.kind === kind);
  return (format === "png" ? chunks.at(-1) : chunks[0])?.content; // as Pillow and libwebp take them
}

/** What `read` finds where the value of a tag lies, in the directory to which other tags lead; null where none is. */
export function tagOf(exif, path, tag, read) {
  const tiff = text(exif, 0, 6) === "Exif\0\0" ? exif.subarray(6) : exif;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength), little = view.getUint16(0) === 0x4949;
  let directory = view.getUint32(4, little);
  for (const wanted of [...path, tag]) {
    const count = view.getUint16(directory, little);
    let at = directory + 2;
    const end = at + 12 * count;
    while (at < end && view.getUint16(at, little) !== wanted) at += 12;
    if (at >= end) return null;
    if (wanted === tag) return read({ view, at: at + 8, little });
    directory = view.getUint32(at + 8, little);
  }
  return null;
}
