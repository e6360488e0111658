// Colours that a file states and that browsers do not heed, or each in its own way: skin_model/photo/colours.py once more.
import { ADOBE_RGB, LIGHT, PRIMARIES, TRANSFERS } from "../code_points.js";
import { exifOf, tagOf } from "./containers.js";
import { Refused, text } from "./header.js";

const EXIF = 0x8769, COLOUR_SPACE = 0xa001, INTEROPERABILITY = 0xa005;
const ABOUT_COLOURS = ["cICP", "iCCP", "sRGB", "gAMA", "cHRM"];
const APP2 = 0xe2, PROFILE_LETTERS = 12, PROFILE_HEAD = 128, MOST_PROFILE_BYTES = 2 ** 22, MOST_TAGS = 100;
const HIGH_DYNAMIC_RANGE = ["pq", "hlg"];

/**
 * What a file says of its colours. parts: `partsOf` it. Returns {colours, told}: what the levels mean ({light, matrix},
 * see `toSrgb`; null where the browser sees to that), and the parts that say so, for no browser to follow them.
 * Throws Refused for colours that nobody knows.
 */
export async function statedColours(parts, format) {
  const before = format === "png" ? parts.slice(0, parts.findIndex(({ kind }) => kind === "IDAT") + 1) : parts;
  const find = (kind) => before.find((part) => part.kind === kind)?.content;
  const codes = find("cICP");
  if (format === "png" && codes?.length === 4) return { colours: byCodePoints(codes), told: before.filter(isAboutColours) };
  const { profile, told } = await profileOf(before, format);
  if (isProfile(profile)) {
    const colours = byProfile(profile);
    return { colours, told: colours ? [...told, ...before.filter(isAboutColours)] : [] };
  }
  if (find("sRGB") || find("gAMA")) return { colours: null, told: [] };
  const tags = exifOf(parts, format);
  return { colours: tags && isAdobeRgb(tags) ? ADOBE_RGB : null, told: [] };
}

const isAboutColours = ({ kind }) => ABOUT_COLOURS.includes(kind);

function byCodePoints([primaries, transfer, matrix, fullRange]) {
  const light = LIGHT[TRANSFERS[transfer]], toSrgb = PRIMARIES[primaries];
  if (!light || !toSrgb || matrix !== 0 || fullRange !== 1) throw new Refused("unreadable_colours");
  return { light, matrix: toSrgb };
}

// --- ICC profiles -----------------------------------------------------------------------------------------------------
/** {profile: its bytes or null, told: the parts that hold it}. */
async function profileOf(parts, format) {
  if (format === "jpeg") return jpegProfile(parts);
  const chunk = parts.find(({ kind }) => kind === (format === "png" ? "iCCP" : "ICCP"));
  if (!chunk) return { profile: null, told: [] };
  return { profile: format === "png" ? await unpacked(chunk.content) : chunk.content, told: [chunk] };
}

/** One profile in several segments, each with its number and how many there are; null where one is missing. */
function jpegProfile(parts) {
  const told = parts.filter(({ kind, content }) => kind === APP2 && text(content, 0, PROFILE_LETTERS) === "ICC_PROFILE\0");
  const pieces = told.map(({ content }) => content).sort((a, b) => a[PROFILE_LETTERS] - b[PROFILE_LETTERS]);
  const isWhole = pieces.every((piece, i) => piece[PROFILE_LETTERS] === i + 1 && piece[PROFILE_LETTERS + 1] === pieces.length);
  if (!pieces.length || !isWhole) return { profile: null, told };
  return { profile: joined(pieces.map((piece) => piece.subarray(PROFILE_LETTERS + 2))), told };
}

/** The profile in a PNG's iCCP chunk: a name, a method and what is compressed. As far as it can be read. */
async function unpacked(content) {
  const name = content.indexOf(0), pieces = [];
  let length = 0;
  const reader = new Blob([content.subarray(name + 2)]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  try {
    while (length < MOST_PROFILE_BYTES) {
      const { done, value } = await reader.read();
      if (done) break;
      pieces.push(value);
      length += value.length;
    }
    await reader.cancel();
  } catch { /* what follows says nothing about the colours */ }
  return joined(pieces);
}

function joined(pieces) {
  const all = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) { all.set(piece, at); at += piece.length; }
  return all;
}

/** Whether bytes begin as an ICC profile does; others say nothing about the colours. */
function isProfile(bytes) { return bytes !== null && bytes.length > PROFILE_HEAD && text(bytes, 36, 40) === "acsp"; }

/** PQ or HLG as a profile's `cicp` says it; null for all others, which browsers convert. */
function byProfile(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = PROFILE_HEAD + 4, tag = 0; tag < MOST_TAGS && at + 12 <= bytes.length; at += 12, tag++) {
    if (text(bytes, at, at + 4) !== "cicp") continue;
    const place = view.getUint32(at + 4) + 8;
    if (HIGH_DYNAMIC_RANGE.includes(TRANSFERS[bytes[place + 1]])) return byCodePoints([bytes[place], bytes[place + 1], 0, 1]);
  }
  return null;
}

// --- Exif -------------------------------------------------------------------------------------------------------------
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
