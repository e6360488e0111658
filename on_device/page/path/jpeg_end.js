// JPEGs that lost their end marker and nothing else: skin_model/photo/jpeg_end.py, once more.
const END = [0xff, 0xd9];
const FILLINGS = [41, 170, 233].map((first) => Array.from({ length: 64 }, (_, i) => (73 * i + first) % 251)); // bits that no picture continues with
const NOISE = 2; // levels that some browsers add against tracking

/**
 * A JPEG of one scan, whose end marker is missing, with that marker. Throws where it lacks pixels as well: where
 * further bits before the marker change what is seen. levelsOf: gives the levels that the browser makes of such bytes.
 */
export async function withItsEnd(bytes, levelsOf) {
  let length = bytes.length;
  while (bytes[length - 1] === 0) length--; // what a transfer that broke off left in the place of the rest
  if (bytes[length - 1] === 0xff) length += length < bytes.length ? 1 : -1; // of a stuffed byte, or half of the marker
  const scan = bytes.subarray(0, length);
  const followedBy = (more) => {
    const all = new Uint8Array(length + more.length);
    all.set(scan);
    all.set(more, length);
    return all;
  };
  const whole = followedBy(END);
  const seen = await levelsOf(whole);
  for (const filling of FILLINGS) {
    const filled = await levelsOf(followedBy([...filling, ...END]));
    if (seen.some((level, i) => Math.abs(level - filled[i]) > NOISE)) throw new RangeError("a JPEG that lacks pixels");
  }
  return whole;
}
