// Pixels read past the canvas: browsers that add noise to its readings against tracking leave video frames alone.

/**
 * A box of a bitmap or canvas as RGBA pixels, {data, width, height}; null where some are transparent, whose levels a
 * frame may hold in either of two ways.
 */
export async function readFrame(source, left, top, width, height) {
  const part = await createImageBitmap(source, left, top, width, height), frame = new VideoFrame(part, { timestamp: 0 });
  try {
    const as = { format: "RGBA" }, data = new Uint8ClampedArray(frame.allocationSize(as));
    const [{ offset, stride }] = await frame.copyTo(data, as);
    if (offset !== 0 || stride !== 4 * width) return null;
    for (let alpha = 3; alpha < data.length; alpha += 4) if (data[alpha] !== 255) return null;
    return { data, width, height };
  } finally {
    frame.close();
    part.close();
  }
}

/** Whether this browser gives back a picture's pixels by frames as they are. drawn: an ImageData without transparency. */
export async function framesGiveBack(drawn) {
  try {
    const bitmap = await createImageBitmap(drawn), read = await readFrame(bitmap, 0, 0, drawn.width, drawn.height);
    bitmap.close();
    return read !== null && read.data.every((level, i) => level === drawn.data[i]);
  } catch { // no such frames, or not in this format
    return false;
  }
}
