// A photo's file with its picture and nothing else: no place, no date, no camera, no preview, nothing behind its end. Where
// only such parts have to go, the coded picture stays byte for byte; where the picture would look different without them (it
// lies turned, or its colours are not sRGB) it is coded anew, upright and in sRGB, as path/photo.js opens it.
import { photoCanvas } from "../../overlay.js";
import { tagOf } from "../../path/containers.js";
import { Refused, text } from "../../path/header.js";
import { decode, readPixels } from "../../path/photo.js";
import { isAdobeRgb } from "../../path/stated_colours.js";
import { DiaryProblem } from "../storage/problem.js";

const QUALITY = 0.95, ORIENTATION = 0x0112;
/** Pixels that Safari on a phone draws at most; beyond that nothing at all is drawn. */
const MOST_DRAWN = 16_000_000;
const PNG_KEPT = ["IHDR", "PLTE", "tRNS", "sRGB", "gAMA", "cHRM", "sBIT", "IDAT", "IEND"], PNG_COLOURS = ["iCCP", "cICP"];
const WEBP_KEPT = ["VP8X", "ALPH", "VP8 ", "VP8L"], WEBP_CODED_ANEW = ["ICCP", "ANIM", "ANMF"], WEBP_ALPHA = 0x10;

const NOT_UNDERSTOOD = { bytes: null, looksTheSame: false };

export async function encoded(canvas, type = "image/jpeg", quality = QUALITY) {
  const blob = await new Promise((done) => canvas.toBlob(done, type, quality));
  if (!blob) throw new DiaryProblem("unreadable");
  return blob;
}

/**
 * file: an ArrayBuffer. type: its media type. limits: config.json's `photo`. Returns {bytes: an ArrayBuffer, type, size: null or, where
 * the picture was coded anew, {width, height, scale}: scale is the new width against the one before}. Throws DiaryProblem
 * "unreadable" where this browser cannot open what has to be coded anew.
 */
export async function withoutMetadata(file, type, limits) {
  const { bytes, looksTheSame } = parted(new Uint8Array(file), type);
  if (bytes && looksTheSame) return { bytes: bytes.buffer, type, size: null };
  const into = type === "image/png" ? type : "image/jpeg";
  try {
    const bitmap = await decode(new Blob([file], { type }), limits);
    try {
      const factor = [1, 2, 4, 8].find((by) => bitmap.width * bitmap.height <= MOST_DRAWN * by * by) ?? 8;
      const { rgb, width } = await readPixels(bitmap, { ...limits, working_short_side: Math.floor(Math.min(bitmap.width, bitmap.height) / factor) });
      const anew = await (await encoded(photoCanvas({ rgb }), into)).arrayBuffer();
      return { bytes: parted(new Uint8Array(anew), into).bytes.buffer, type: into, size: { width: rgb.width, height: rgb.height, scale: rgb.width / width } };
    } finally {
      bitmap.close?.();
    }
  } catch (problem) {
    throw new DiaryProblem("unreadable", problem);
  }
}

/** {bytes: the file without all that is no picture, or null; looksTheSame: whether it is seen as before}. */
export function parted(bytes, type) {
  try {
    if (type === "image/jpeg") return jpeg(bytes);
    if (type === "image/png") return png(bytes);
    if (type === "image/webp") return webp(bytes);
  } catch (problem) {
    if (!(problem instanceof RangeError || problem instanceof Refused)) throw problem;
  }
  return NOT_UNDERSTOOD;
}

const lengthOf = (parts) => parts.reduce((sum, part) => sum + part.length, 0);

function joined(parts) {
  const all = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const part of parts) { all.set(part, at); at += part.length; }
  return all;
}

/** Whether Exif (with or without its six letters before) turns the picture or states other colours than sRGB. */
function changesLooks(exif) {
  let turn = null;
  try {
    turn = tagOf(exif, [], ORIENTATION, ({ view, at, little }) => view.getUint16(at, little));
  } catch (problem) {
    if (!(problem instanceof RangeError)) throw problem; // unreadable tags turn nothing
  }
  return (turn !== null && turn !== 1) || isAdobeRgb(exif);
}

// --- JPEG: segments up to the first end of image ----------------------------------------------------------------------
const SOI = 0xd8, EOI = 0xd9, SOS = 0xda, JFIF = 0xe0, EXIF = 0xe1, ICC = 0xe2, ADOBE = 0xee, JFIF_LENGTH = 16;
/** Tables, frames and restart intervals: what a decoder needs. */
const isCoding = (kind) => (kind >= 0xc0 && kind <= 0xcf) || [0xdb, 0xdc, 0xdd].includes(kind);

function jpeg(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), parts = [bytes.subarray(0, 2)];
  let at = 2, same = true;
  if (view.getUint16(0) !== 0xff00 + SOI) return NOT_UNDERSTOOD;
  for (;;) {
    if (view.getUint8(at) !== 0xff) return NOT_UNDERSTOOD;
    while (view.getUint8(at + 1) === 0xff) at++; // padding
    const kind = view.getUint8(at + 1);
    if (kind === EOI) { parts.push(bytes.subarray(at, at + 2)); break; }
    const end = at + 2 + view.getUint16(at + 2), content = bytes.subarray(at + 4, end);
    if (end > bytes.length) return NOT_UNDERSTOOD;
    const says = (letters) => text(content, 0, letters.length) === letters;
    if (isCoding(kind) || (kind === ADOBE && says("Adobe"))) parts.push(bytes.subarray(at, end));
    else if (kind === JFIF && says("JFIF\0")) parts.push(...withoutPreview(bytes.subarray(at, end)));
    else if (kind === ICC && says("ICC_PROFILE")) same = false;
    else if (kind === EXIF && says("Exif\0\0") && changesLooks(content)) same = false;
    else if (kind === SOS) {
      let next = bytes.indexOf(0xff, end);
      while (next >= 0 && isInScan(view.getUint8(next + 1))) next = bytes.indexOf(0xff, next + 1);
      if (next < 0) return NOT_UNDERSTOOD;
      parts.push(bytes.subarray(at, next));
      at = next;
      continue;
    }
    at = end;
  }
  return { bytes: joined(parts), looksTheSame: same };
}

/** A stuffed byte, a restart, or padding. */
const isInScan = (kind) => kind === 0 || kind === 0xff || (kind >= 0xd0 && kind <= 0xd7);

/** JFIF's header may carry a small copy of the picture. */
function withoutPreview(segment) {
  if (segment.length === JFIF_LENGTH + 2) return [segment];
  if (segment.length < JFIF_LENGTH + 2) return [];
  const head = segment.slice(0, JFIF_LENGTH + 2);
  head.set([0, JFIF_LENGTH], 2);
  head.set([0, 0], JFIF_LENGTH);
  return [head];
}

// --- PNG: chunks up to the last -----------------------------------------------------------------------------------------
function png(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), parts = [bytes.subarray(0, 8)];
  let same = true;
  for (let at = 8, kind = ""; kind !== "IEND"; ) {
    const end = at + 12 + view.getUint32(at);
    if (end > bytes.length) return NOT_UNDERSTOOD;
    kind = text(bytes, at + 4, at + 8);
    if (PNG_KEPT.includes(kind)) parts.push(bytes.subarray(at, end));
    if (PNG_COLOURS.includes(kind) || (kind === "eXIf" && changesLooks(bytes.subarray(at + 8, end - 4)))) same = false;
    at = end;
  }
  return { bytes: joined(parts), looksTheSame: same };
}

// --- WebP: RIFF's chunks ------------------------------------------------------------------------------------------------
function webp(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), length = view.getUint32(4, true) + 8, parts = [bytes.subarray(0, 12)];
  let same = true, flags = null;
  if (length > bytes.length) return NOT_UNDERSTOOD;
  for (let at = 12, found = 12; at + 8 <= length; at += 8 + found + (found % 2)) {
    found = view.getUint32(at + 4, true);
    const kind = text(bytes, at, at + 4), content = bytes.subarray(at + 8, at + 8 + found);
    if (WEBP_CODED_ANEW.includes(kind) || (kind === "EXIF" && changesLooks(content))) same = false;
    if (!WEBP_KEPT.includes(kind)) continue;
    if (kind === "VP8X") flags = parts.length;
    parts.push(bytes.subarray(at, at + 8 + found + (found % 2)));
  }
  // The headers say of which kinds the chunks are, and how long all are together.
  if (flags !== null && (parts[flags][8] & ~WEBP_ALPHA) !== 0) {
    parts[flags] = parts[flags].slice();
    parts[flags][8] &= WEBP_ALPHA;
  }
  parts[0] = parts[0].slice();
  new DataView(parts[0].buffer).setUint32(4, lengthOf(parts) - 8, true);
  return { bytes: joined(parts), looksTheSame: same };
}
