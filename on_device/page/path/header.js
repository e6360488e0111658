// What a file says of itself before any pixel is decoded: skin_model/photo/opening.py's gate, once more.

export class Refused extends Error {
  /** code: the one under which the sentence stands ("refused.<code>"). */
  constructor(code) { super(code); this.code = code; }
}

const HEVC_BRANDS = ["heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs"], AV1_BRANDS = ["avif", "avis", "avio"];
const ANY_CODEC = ["mif1", "msf1"]; // brands of HEIF whatever its pictures are coded with
const BRANDS_END = 256;
export const text = (bytes, from, to) => String.fromCharCode(...bytes.subarray(from, to));

/** "jpeg", "png", "webp" or "heif"; refuses everything else. */
export function formatOf(bytes) {
  if (bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff) return "jpeg";
  if (text(bytes, 0, 8) === "\x89PNG\r\n\x1a\n") return "png";
  if (text(bytes, 0, 4) === "RIFF" && text(bytes, 8, 12) === "WEBP") return "webp";
  if (text(bytes, 4, 8) === "ftyp" && isHeic(bytes)) return "heif";
  throw new Refused("unsupported_format");
}

/** Whether a file type box names HEVC, as main brand or among the compatible ones, or any codec and not AV1's. */
function isHeic(bytes) {
  const size = ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0;
  const main = text(bytes, 8, 12), brands = [main];
  for (let at = 16; at < Math.min(size, BRANDS_END); at += 4) brands.push(text(bytes, at, at + 4));
  if (HEVC_BRANDS.includes(main)) return true;
  const some = (named) => brands.some((brand) => named.includes(brand));
  return !some(AV1_BRANDS) && (ANY_CODEC.includes(main) || some(HEVC_BRANDS));
}

/**
 * Width and height as stored (before any turning), or null where only the decoder knows (HEIF). `unended` where a JPEG
 * lacks its end marker and jpeg_end.js can tell whether it lacks pixels too.
 */
export function sizeOf(bytes, format, limits) {
  try {
    if (format === "jpeg") return jpegSize(bytes, limits);
    if (format === "png") return pngSize(bytes);
    if (format === "webp") return webpSize(bytes);
  } catch (problem) {
    if (problem instanceof RangeError) throw new Refused("damaged_file");
    throw problem;
  }
  return null;
}

/**
 * Refuses a JPEG that never ends and is not of one scan, holds more scans than any encoder writes, or keeps too much
 * from scan to scan.
 */
function jpegSize(bytes, limits) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let size = null, scans = 0, kept = 0, at = 2, colours = null, oneScan = false;
  while (scans <= limits.max_scans) {
    while (at + 1 < bytes.length && !(bytes[at] === 0xff && isSegment(bytes[at + 1]))) at++;
    if (at + 1 >= bytes.length) break;
    const kind = bytes[at + 1];
    at += 2;
    if (kind === 0xd9) {
      if (!size) break;
      if (scans > 1 && kept > limits.max_coefficients) throw new Refused("too_many_pixels");
      return size;
    }
    const frame = kind >= 0xc0 && kind <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(kind);
    if (frame && !size) size = { width: view.getUint16(at + 5), height: view.getUint16(at + 3) };
    if (frame) kept = Math.max(kept, coefficients(view, at));
    if (kind === 0xc0 || kind === 0xc1) colours = view.getUint8(at + 7); // sequential
    if (kind === 0xda) oneScan = ++scans === 1 && colours === view.getUint8(at + 2);
    if (at + 1 < bytes.length) at += view.getUint16(at);
  }
  if (oneScan) return { ...size, unended: true };
  throw new Refused("damaged_file");
}

/** How many coefficients the frame header at a place announces, of up to four colours. */
function coefficients(view, at) {
  const height = view.getUint16(at + 3), width = view.getUint16(at + 5);
  const colours = Math.min(view.getUint8(at + 7), 4);
  const sampling = Array.from({ length: colours }, (_, colour) => view.getUint8(at + 9 + 3 * colour));
  const across = Math.max(...sampling.map((one) => one >> 4)), down = Math.max(...sampling.map((one) => one & 15));
  return sampling
    .filter((one) => one >> 4 && one & 15)
    .reduce((sum, one) => sum + Math.ceil((width * (one >> 4)) / across) * Math.ceil((height * (one & 15)) / down), 0);
}

// Any marker but a stuffed byte, a restart, and those without content.
function isSegment(kind) { return (kind >= 0x02 && kind <= 0xcf) || (kind >= 0xd9 && kind <= 0xfe); }

/** Browsers show what there is of a cut PNG, so its blocks are followed to the last one here. */
function pngSize(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; ; at += 12 + view.getUint32(at)) {
    if (at + 12 + view.getUint32(at) > bytes.length) throw new Refused("damaged_file");
    if (text(bytes, at + 4, at + 8) === "IEND") break;
  }
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

function webpSize(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(4, true) + 8 > bytes.length) throw new Refused("damaged_file");
  const kind = text(bytes, 12, 16);
  if (kind === "VP8X") {
    const three = (at) => 1 + bytes[at] + (bytes[at + 1] << 8) + (bytes[at + 2] << 16);
    return { width: three(24), height: three(27) };
  }
  if (kind === "VP8L") {
    const bits = view.getUint32(21, true);
    return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >> 14) & 0x3fff) };
  }
  if (kind === "VP8 ") return { width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
  throw new Refused("damaged_file");
}

/** Refuses by pixel count and shape. */
export function checkSize({ width, height }, limits) {
  if (width * height > limits.max_pixels) throw new Refused("too_many_pixels");
  if (Math.min(width, height) < limits.min_short_side) throw new Refused("too_small_photo");
  if (Math.max(width, height) > limits.max_aspect * Math.min(width, height)) throw new Refused("too_elongated");
}
