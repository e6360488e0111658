// A picture: rows of interleaved 8-bit channels, as OpenCV's (H, W, C) uint8 arrays lie in memory.

/** Rounds halves to the even neighbour, as C's lrint and Python's round do. */
export function roundToEven(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

export function picture(width, height, channels, data = new Uint8Array(width * height * channels)) {
  return { width, height, channels, data };
}

/** The part (left, top, right, bottom) as a picture of its own. */
export function cut({ width, channels, data }, [left, top, right, bottom]) {
  const part = picture(right - left, bottom - top, channels);
  const row = part.width * channels;
  for (let y = top; y < bottom; y++) {
    const from = (y * width + left) * channels;
    part.data.set(data.subarray(from, from + row), (y - top) * row);
  }
  return part;
}
