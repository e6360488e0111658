// cv2.connectedComponentsWithStats with eight neighbours.

/**
 * mask: W × H, non-zero where something is. Returns the label of every pixel (0: nothing) and, from label 1 on, each
 * spot's left, top, width, height and area in pixels.
 */
export function spots(mask, width, height) {
  const labels = new Int32Array(width * height), found = [null], stack = [];
  for (let start = 0; start < mask.length; start++) {
    if (!mask[start] || labels[start]) continue;
    const label = found.length;
    let left = width, right = 0, top = height, bottom = 0, area = 0;
    labels[start] = label;
    stack.push(start);
    while (stack.length) {
      const at = stack.pop(), x = at % width, y = (at - x) / width;
      area++;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      if (y > bottom) bottom = y;
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          const next = v * width + u;
          if (mask[next] && !labels[next]) { labels[next] = label; stack.push(next); }
        }
      }
    }
    found.push({ left, top, width: right - left + 1, height: bottom - top + 1, area });
  }
  return { labels, found };
}
