// Colours that a file states and that browsers do not heed, or each in its own way: skin_model/photo/colours.py once more.
import { ADOBE_RGB, LIGHT, PRIMARIES, TRANSFERS } from "../code_points.js";
import { Refused, text } from "./header.js";

const EXIF = 0x8769, COLOUR_SPACE = 0xa001, INTEROPERABILITY = 0xa005;
const ABOUT_COLOURS = ["cICP", "iCCP", "sRGB", "gAMA", "cHRM"];

/**
 * {colours, bytes}: what the levels mean ({light, matrix}, see `toSrgb`; null where the browser sees to that), and the
 * file as it is to be decoded. Throws Refused for colours that nobody knows.
 */
export function statedColours(bytes, format) {
  const chunks = format === "png" ? pngChunks(bytes) : format === "webp" ? webpChunks(bytes) : [];
  const find = (kind) => chunks.find((chunk) => chunk.kind === kind)?.content;
  const codes = find("cICP");
  if (format === "png" && codes?.length === 4) return { colours: byCodePoints(codes), bytes: without(bytes, chunks) };
  if (find("iCCP") || find("ICCP") || find("sRGB") || find("gAMA")) return { colours: null, bytes };
  const tags = format === "jpeg" ? jpegTags(bytes) : (find("eXIf") ?? find("EXIF"));
  return { colours: tags && isAdobeRgb(tags) ? ADOBE_RGB : null, bytes };
}

function byCodePoints([primaries, transfer, matrix, fullRange]) {
  const light = LIGHT[TRANSFERS[transfer]], toSrgb = PRIMARIES[primaries];
  if (!light || !toSrgb || matrix !== 0 || fullRange !== 1) throw new Refused("unreadable_colours");
  return { light, matrix: toSrgb };
}

/** The chunks before the pixels, each with where it begins and ends. */
function pngChunks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), found = [];
  for (let at = 8; at + 12 <= bytes.length; ) {
    const kind = text(bytes, at + 4, at + 8), end = at + 12 + view.getUint32(at);
    if (kind === "IDAT" || kind === "IEND") break;
    found.push({ kind, start: at, end, content: bytes.subarray(at + 8, end - 4) });
    at = end;
  }
  return found;
}

function webpChunks(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), found = [];
  for (let at = 12; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at + 4, true);
    found.push({ kind: text(bytes, at, at + 4), content: bytes.subarray(at + 8, at + 8 + length) });
    at += 8 + length + (length % 2);
  }
  return found;
}

/** A PNG that says nothing of its colours. */
function without(bytes, chunks) {
  const parts = [bytes.subarray(0, 8)];
  for (const { kind, start, end } of chunks) if (!ABOUT_COLOURS.includes(kind)) parts.push(bytes.subarray(start, end));
  parts.push(bytes.subarray(chunks.at(-1).end));
  const left = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) { left.set(part, at); at += part.length; }
  return left;
}

/** The Exif of a JPEG, or null; also null where it has an ICC profile, which counts more. */
function jpegTags(bytes) {
  let tags = null;
  for (let at = 2; bytes[at] === 0xff && bytes[at + 1] !== 0xda; at += 2 + 256 * bytes[at + 2] + bytes[at + 3]) {
    if (bytes[at + 1] === 0xe2 && text(bytes, at + 4, at + 15) === "ICC_PROFILE") return null;
    if (bytes[at + 1] === 0xe1 && text(bytes, at + 4, at + 10) === "Exif\0\0") tags ??= bytes.subarray(at + 4);
  }
  return tags;
}

/** Whether Exif says Adobe RGB, as cameras say it by DCF: R03, and no colour space that Exif knows. */
export function isAdobeRgb(exif) {
  try {
    const space = tagOf(exif, [EXIF], COLOUR_SPACE, ({ view, at, little }) => view.getUint16(at, little));
    if (space === 2) return true;
    const isR03 = ({ view, at }) => view.getUint8(at) === 0x52 && view.getUint16(at + 1) === 0x3033;
    return space !== 1 && tagOf(exif, [EXIF, INTEROPERABILITY], 1, isR03) === true;
  } catch (problem) {
    if (problem instanceof RangeError) return false; // unreadable tags say nothing about the colours
    throw problem;
  }
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
