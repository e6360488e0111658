// ZIP files (APPNOTE.TXT 6.3.3), stored without compression, since photos are compressed already. Written and read piece
// by piece as Blobs, so that an archive of any size needs little memory.
import { DiaryProblem } from "../storage/problem.js";

const LOCAL = 0x04034b50, CENTRAL = 0x02014b50, END = 0x06054b50;
const LOCAL_SIZE = 30, CENTRAL_SIZE = 46, END_SIZE = 22, UTF8 = 0x0800, STORED = 0, NEEDED = 20, FIRST_DAY = 0x21; // 1 January 1980
const MOST_ENTRIES = 0xffff, MOST_BYTES = 0xffffffff, PIECE = 4 * 1024 * 1024, LONGEST_COMMENT = 0xffff;
const encoder = new TextEncoder(), decoder = new TextDecoder("utf-8", { fatal: true });

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? 0xedb88320 ^ (byte >>> 1) : byte >>> 1;
  return byte >>> 0;
});

/** CRC-32 of a Blob. */
export async function checksum(blob) {
  let crc = 0xffffffff;
  for (let at = 0; at < blob.size; at += PIECE) {
    for (const byte of new Uint8Array(await blob.slice(at, at + PIECE).arrayBuffer())) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** Fields of a header: [bytes, value] pairs, little-endian. */
function header(size, fields) {
  const view = new DataView(new ArrayBuffer(size));
  let at = 0;
  for (const [bytes, value] of fields) {
    if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += bytes;
  }
  return new Uint8Array(view.buffer);
}

/** Collects files and gives the archive as one Blob; the same files in the same order are the same bytes. */
export class ZipWriter {
  constructor() { Object.assign(this, { parts: [], directory: [], size: 0 }); }

  /** Throws DiaryProblem "too_large" beyond what plain ZIP files can hold (4 GiB, 65,535 files). */
  async add(name, content) {
    const blob = content instanceof Blob ? content : new Blob([content]), path = encoder.encode(name), crc = await checksum(blob);
    const common = [[2, NEEDED], [2, UTF8], [2, STORED], [2, 0], [2, FIRST_DAY], [4, crc], [4, blob.size], [4, blob.size], [2, path.length], [2, 0]];
    this.directory.push(header(CENTRAL_SIZE, [[4, CENTRAL], [2, NEEDED], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, this.size]]), path);
    this.parts.push(header(LOCAL_SIZE, [[4, LOCAL], ...common]), path, blob);
    this.size += LOCAL_SIZE + path.length + blob.size;
    if (this.size > MOST_BYTES || this.directory.length / 2 > MOST_ENTRIES) throw new DiaryProblem("too_large");
  }

  blob() {
    const count = this.directory.length / 2, length = this.directory.reduce((sum, part) => sum + part.length, 0);
    if (this.size + length > MOST_BYTES) throw new DiaryProblem("too_large");
    return new Blob([...this.parts, ...this.directory, header(END_SIZE, [[4, END], [2, 0], [2, 0], [2, count], [2, count], [4, length], [4, this.size], [2, 0]])], { type: "application/zip" });
  }
}

/** What an archive holds: name -> a function that gives its content as a Blob. Throws DiaryProblem "not_zip", "damaged_zip". */
export async function readZip(blob) {
  const tail = new Uint8Array(await blob.slice(-END_SIZE - LONGEST_COMMENT).arrayBuffer()), view = new DataView(tail.buffer);
  let end = tail.length - END_SIZE;
  while (end >= 0 && view.getUint32(end, true) !== END) end--;
  if (end < 0) {
    const first = new DataView(await blob.slice(0, 4).arrayBuffer());
    throw new DiaryProblem(first.byteLength === 4 && first.getUint32(0, true) === LOCAL ? "damaged_zip" : "not_zip");
  }
  const count = view.getUint16(end + 10, true), length = view.getUint32(end + 12, true), start = view.getUint32(end + 16, true);
  if (start + length > blob.size) throw new DiaryProblem("damaged_zip");
  const directory = new Uint8Array(await blob.slice(start, start + length).arrayBuffer()), fields = new DataView(directory.buffer);
  const files = new Map();
  try {
    for (let at = 0, number = 0; number < count; number++) {
      if (fields.getUint32(at, true) !== CENTRAL) throw new DiaryProblem("damaged_zip");
      const method = fields.getUint16(at + 10, true), crc = fields.getUint32(at + 16, true), packed = fields.getUint32(at + 20, true), size = fields.getUint32(at + 24, true);
      const path = fields.getUint16(at + 28, true), more = fields.getUint16(at + 30, true) + fields.getUint16(at + 32, true), from = fields.getUint32(at + 42, true);
      const name = decoder.decode(directory.subarray(at + CENTRAL_SIZE, at + CENTRAL_SIZE + path));
      files.set(name, () => content(blob, { method, crc, size, packed, from }));
      at += CENTRAL_SIZE + path + more;
    }
  } catch (problem) {
    throw problem instanceof DiaryProblem ? problem : new DiaryProblem("damaged_zip", problem);
  }
  return files;
}

async function content(blob, { method, crc, size, packed, from }) {
  const local = new DataView(await blob.slice(from, from + LOCAL_SIZE).arrayBuffer());
  if (local.byteLength < LOCAL_SIZE || local.getUint32(0, true) !== LOCAL) throw new DiaryProblem("damaged_zip");
  const start = from + LOCAL_SIZE + local.getUint16(26, true) + local.getUint16(28, true), raw = blob.slice(start, start + packed);
  let found = raw;
  // Programs that unpack and pack an archive anew compress what they put into it.
  if (method === 8) {
    try {
      found = await limited(raw.stream().pipeThrough(new DecompressionStream("deflate-raw")), size);
    } catch (problem) {
      throw new DiaryProblem("damaged_zip", problem);
    }
  } else if (method !== STORED) throw new DiaryProblem("damaged_zip");
  if (found.size !== size || (await checksum(found)) !== crc) throw new DiaryProblem("damaged_zip");
  return found;
}

/** What a stream gives, as far as it was announced: a small file must not unpack into a huge one. */
async function limited(stream, most) {
  const parts = [], reader = stream.getReader();
  let size = 0;
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    size += step.value.length;
    if (size > most) throw new DiaryProblem("damaged_zip");
    parts.push(step.value);
  }
  return new Blob(parts);
}
