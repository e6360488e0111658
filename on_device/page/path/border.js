// skin_model/border.py once more: finds the circle or frame that a dermatoscope leaves, and what to keep inside it.
// Names, steps and limits are those of the Python module, which says why they are as they are.
import { blurThree } from "../pixels/blur.js";
import { cut, picture } from "../pixels/picture.js";
import { resizeLinear, resizeNearest } from "../pixels/resize.js";
import { linearAt, nearestAt } from "../pixels/sample.js";
import { median, ranked } from "../pixels/statistics.js";

const RAYS = 256, FINE_SIDE = 320, COARSE_SIDE = 160, KEPT_RADIUS = 0.975, LEAST_SIDE = 16;
const DARK = { darkest: 110, plain: 110, sharp: 0.5, oneSided: 0.9 };
const BRIGHT = { darkest: 30, plain: 15, sharp: 0.8, oneSided: 0.86 };
const { fround, hypot, max, min } = Math;

const DIRECTIONS = Array.from({ length: RAYS }, (_, i) => {
  const angle = i * ((2 * Math.PI) / RAYS);
  return [fround(Math.cos(angle)), fround(Math.sin(angle))];
});

/**
 * The border of a photo, {kind, x, y, radius, inner}, in its pixels, or null where the skin reaches its sides.
 * triples: the places 0…1 along the list of edge points through which candidate circles go (Python's `_triples`).
 */
export function findBorder(rgb, triples) {
  const fine = reduced(rgb, FINE_SIDE);
  for (const [level, look] of [[brightest(fine), DARK], [darkestInverted(fine), BRIGHT]]) {
    const border = darkBorder(level, look, triples);
    if (border) return stretched(border, rgb.width / level.width, rgb.height / level.height);
  }
  return null;
}

/** The largest upright rectangle of skin inside the border: [left, top, right, bottom] in whole pixels. */
export function cropBox({ width, height }, border) {
  if (!border) return [0, 0, width, height];
  let [left, top, right, bottom] = border.inner ?? [0, 0, width, height];
  if (border.kind === "circle") {
    const radius = border.radius * KEPT_RADIUS;
    const from = 0.01, step = (Math.PI / 2 - 0.01 - from) / 399;
    const boxes = Array.from({ length: 400 }, (_, i) => {
      const reach = radius * Math.sin(from + i * step), half = Math.sqrt(radius ** 2 - reach ** 2);
      return [max(left, border.x - half), max(top, border.y - reach), min(right, border.x + half), min(bottom, border.y + reach)];
    });
    const areas = boxes.map((box) => max(0, box[2] - box[0]) * max(0, box[3] - box[1]));
    const least = max(...areas) * (1 - 1e-9);
    const best = boxes[areas.findIndex((area) => area >= least)];
    [left, top, right, bottom] = best;
  }
  const box = [max(0, Math.ceil(left)), max(0, Math.ceil(top)), min(width, Math.floor(right)), min(height, Math.floor(bottom))];
  return box[2] > box[0] && box[3] > box[1] ? box : [0, 0, width, height];
}

/** The upright rectangle around all that a border leaves, in whole pixels. */
export function boundsOf({ width, height }, border) {
  if (!border) return [0, 0, width, height];
  let [left, top, right, bottom] = border.inner ?? [0, 0, width, height];
  if (border.kind === "circle") {
    [left, right] = [max(left, border.x - border.radius), min(right, border.x + border.radius)];
    [top, bottom] = [max(top, border.y - border.radius), min(bottom, border.y + border.radius)];
  }
  const box = [max(0, Math.trunc(left)), max(0, Math.trunc(top)), min(width, Math.ceil(right)), min(height, Math.ceil(bottom))];
  return box[2] - box[0] >= LEAST_SIDE && box[3] - box[1] >= LEAST_SIDE ? box : [0, 0, width, height];
}

function brightest({ width, height, data }) {
  const level = picture(width, height, 1);
  for (let i = 0, at = 0; i < level.data.length; i++, at += 3) level.data[i] = max(data[at], data[at + 1], data[at + 2]);
  return level;
}

function darkestInverted({ width, height, data }) {
  const level = picture(width, height, 1);
  for (let i = 0, at = 0; i < level.data.length; i++, at += 3) level.data[i] = 255 - min(data[at], data[at + 1], data[at + 2]);
  return level;
}

function reduced(source, side) {
  let small = source;
  const skip = Math.floor(min(small.width, small.height) / (2 * side));
  if (skip > 1) small = resizeNearest(small, Math.floor(small.width / skip), Math.floor(small.height / skip));
  while (min(small.width, small.height) >= side) small = resizeLinear(small, small.width >> 1, small.height >> 1);
  return small;
}

function stretched(border, across, down) {
  const inner = border.inner && [border.inner[0] * across, border.inner[1] * down, border.inner[2] * across, border.inner[3] * down];
  return { kind: border.kind, x: border.x * across, y: border.y * down, radius: border.radius * (across * down) ** 0.5, inner };
}

function darkBorder(fine, look, triples) {
  const coarse = blurThree(reduced(fine, COARSE_SIDE));
  const { width, height, data } = coarse;
  const sample = [];
  for (let y = 0; y < height; y += 3) for (let x = 0; x < width; x += 3) sample.push(data[y * width + x]);
  const inside = ranked(sample, Math.floor(0.95 * sample.length));
  const rim = [...data.subarray(0, width), ...data.subarray((height - 1) * width)];
  for (let y = 0; y < height; y++) rim.push(data[y * width], data[(y + 1) * width - 1]);
  const outside = min(0.3 * inside, ranked(rim, Math.floor(rim.length / 50)));
  const threshold = min(look.darkest, outside + 0.45 * (inside - outside));
  if (inside < 30 || count(rim, (level) => level < threshold) < 0.02 * rim.length) return null;
  const frame = findFrame(fine, inside, threshold);
  if (!frame) return findCircle(fine, coarse, look, inside, outside, triples);
  const [left, top] = frame.inner;
  const within = cut(fine, frame.inner);
  const circle = findCircle(within, blurThree(reduced(within, COARSE_SIDE)), look, inside, outside, triples);
  return circle ? { ...circle, x: circle.x + left, y: circle.y + top, inner: frame.inner } : frame;
}

function count(values, holds) {
  let found = 0;
  for (const value of values) if (holds(value)) found++;
  return found;
}

function findCircle(fine, coarse, look, inside, outside, triples) {
  const threshold = min(look.darkest, outside + 0.45 * (inside - outside));
  for (const [level, strict] of [[threshold, false], [min(threshold, outside + 0.15 * (inside - outside)), true]]) {
    const rough = coarseCircle(coarse, level, triples);
    if (!rough) continue;
    const circle = refined(fine, stretched(rough, fine.width / coarse.width, fine.height / coarse.height), inside);
    if (convinces(evidence(fine, circle, inside, level, min(level, look.plain)), look, strict)) return circle;
  }
  return null;
}

function findFrame({ width, height, data }, inside, threshold) {
  const level = min(threshold, 0.35 * inside);
  const lit = data.map((value) => (value > level ? 1 : 0));
  const rows = new Int32Array(height), columns = new Int32Array(width);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) if (lit[y * width + x]) { rows[y]++; columns[x]++; }
  // OpenCV averages to whole grey levels: above 5 means five and a half, rounded.
  const enough = (counts, of) => Array.from(counts, (n) => (255 * n) / of >= 5.5);
  const litRows = enough(rows, width), litColumns = enough(columns, height);
  if (!litRows.includes(true) || !litColumns.includes(true)) return null;
  const top = litRows.indexOf(true), bottom = litRows.lastIndexOf(true) + 1;
  const left = litColumns.indexOf(true), right = litColumns.lastIndexOf(true) + 1;
  if (max(top, height - bottom, left, width - right) < 0.015 * min(height, width)) return null;
  if (bottom - top < 8 || right - left < 8) return null;
  const rowShare = (y) => lit.subarray(y * width + left, y * width + right).reduce((sum, on) => sum + on, 0) / (right - left);
  const columnShare = (x) => {
    let on = 0;
    for (let y = top; y < bottom; y++) on += lit[y * width + x];
    return on / (bottom - top);
  };
  if (min(rowShare(top + 2), rowShare(bottom - 3), columnShare(left + 2), columnShare(right - 3)) < 0.7) return null;
  return { kind: "frame", x: (left + right) / 2, y: (top + bottom) / 2, radius: min(right - left, bottom - top) / 2, inner: [left, top, right, bottom] };
}

function coarseCircle(coarse, threshold, triples) {
  const { width, height, data } = coarse;
  const short = min(height, width);
  let lit = 0, sumX = 0, sumY = 0;
  for (let i = 0; i < data.length; i++) if (data[i] >= threshold) { lit++; sumX += i % width; sumY += Math.floor(i / width); }
  if (!lit) return null;
  const middle = [fround(fround(sumX) / fround(lit)), fround(fround(sumY) / fround(lit))];
  const far = [width - 1, height - 1];
  const stride = short / 100;
  const points = [], ends = [];
  for (let r = 0; r < RAYS; r += 2) {
    const ray = DIRECTIONS[r];
    let reach = Infinity;
    for (const axis of [0, 1]) {
      if (ray[axis] > 0) reach = min(reach, fround(fround(far[axis] - middle[axis]) / ray[axis]));
      else if (ray[axis] < 0) reach = min(reach, fround(-middle[axis] / ray[axis]));
    }
    // Two steps in a row must be lit.
    let before = false, first = -1;
    for (let step = 0; ; step++) {
      const along = fround(reach - fround(step * stride));
      if (!(along > 0)) break;
      const on = nearestAt(coarse, fround(middle[0] + fround(along * ray[0])), fround(middle[1] + fround(along * ray[1]))) >= threshold;
      if (on && before) { first = step - 1; break; }
      before = on;
    }
    if (first < 0) continue;
    const at = first > 0 ? fround(reach - (first - 0.5) * stride) : reach;
    (first > 0 ? points : ends).push([fround(middle[0] + fround(at * ray[0])), fround(middle[1] + fround(at * ray[1]))]);
  }
  if (points.length < 8) return null;

  const tolerance = 0.015 * short;
  let best = null, score = -Infinity;
  for (const triple of triples) {
    const [centre, radius] = circleThrough(triple.map((place) => points[Math.floor(place * points.length)]));
    if (!(radius > 0.2 * short && radius < 0.75 * hypot(height, width))) continue;
    if (!(Math.abs(centre[0] - far[0] / 2) < 0.45 * far[0] && Math.abs(centre[1] - far[1] / 2) < 0.45 * far[1])) continue;
    let near = 0, lost = 0;
    for (const point of points) {
      const off = beyond(point, centre, radius);
      if (Math.abs(off) < tolerance) near++;
      if (off > tolerance) lost++;
    }
    for (const end of ends) if (beyond(end, centre, radius) > tolerance) lost++;
    if (near - lost > score) { score = near - lost; best = [centre, radius]; }
  }
  if (!best) return null;
  let [centre, radius] = best;
  for (let round = 0; round < 2; round++) {
    const near = points.filter((point) => Math.abs(beyond(point, centre, radius)) < 1.5 * tolerance);
    if (near.length < 8) return null;
    [centre, radius] = fit(near, fround);
  }
  return { kind: "circle", x: centre[0] + 0.5, y: centre[1] + 0.5, radius, inner: null };
}

// In single precision and in Python's order: which candidate wins is a matter of whole points, and one that lies just
// on the limit must fall to the same side.
function beyond(point, centre, radius) {
  const own = fround(fround(centre[0] * centre[0]) + fround(centre[1] * centre[1]));
  const its = fround(fround(point[0] * point[0]) + fround(point[1] * point[1]));
  const both = fround(2 * centre[0] * point[0] + 2 * centre[1] * point[1]);
  return fround(fround(fround(fround(own + its) - both) - fround(radius * radius)) / fround(2 * radius));
}

function circleThrough([start, second, third]) {
  const bx = fround(second[0] - start[0]), by = fround(second[1] - start[1]), cx = fround(third[0] - start[0]), cy = fround(third[1] - start[1]);
  let cross = fround(2 * fround(fround(bx * cy) - fround(by * cx)));
  if (Math.abs(cross) < fround(1e-3)) cross = fround(1e-3);
  const b2 = fround(fround(bx * bx) + fround(by * by)), c2 = fround(fround(cx * cx) + fround(cy * cy));
  const x = fround(fround(fround(cy * b2) - fround(by * c2)) / cross), y = fround(fround(fround(bx * c2) - fround(cx * b2)) / cross);
  return [[fround(start[0] + x), fround(start[1] + y)], fround(hypot(x, y))];
}

/**
 * Centre and radius of the least-squares circle through the points (Kåsa 1976). narrow: fround where Python's points
 * are in single precision, so that their mean is rounded as there.
 */
function fit(points, narrow = (value) => value) {
  const n = points.length;
  const origin = [0, 1].map((axis) => narrow(points.reduce((sum, point) => narrow(sum + point[axis]), 0) / n));
  let uu = 0, uv = 0, vv = 0, ru = 0, rv = 0;
  for (const point of points) {
    const u = narrow(point[0] - origin[0]), v = narrow(point[1] - origin[1]), squared = u * u + v * v;
    uu += u * u; uv += u * v; vv += v * v; ru += (u * squared) / 2; rv += (v * squared) / 2;
  }
  const determinant = max(uu * vv - uv * uv, 1e-9);
  const a = (ru * vv - rv * uv) / determinant, b = (rv * uu - ru * uv) / determinant;
  return [[origin[0] + a, origin[1] + b], Math.sqrt(a * a + b * b + (uu + vv) / n)];
}

/** Brightness at a distance from the circle's centre in one direction, and whether that place is in the picture. */
function around(level, circle, ray, distance) {
  const x = fround(fround(circle.x - 0.5) + fround(ray[0] * fround(distance)));
  const y = fround(fround(circle.y - 0.5) + fround(ray[1] * fround(distance)));
  return [linearAt(level, x, y), x >= 0 && x <= level.width - 1 && y >= 0 && y <= level.height - 1];
}

function isStep(inner, outer, inside) {
  const step = fround(inner - outer);
  return step > 0.25 * inside || (step > 12 && inner > 2 * outer);
}

function mean(values) { return fround(values.reduce((sum, value) => sum + value, 0) / values.length); }

function refined(fine, start, inside) {
  let circle = start;
  for (const breadth of [0.1, 0.06]) {
    const ends = [circle.radius * (1 - breadth), circle.radius * (1 + breadth)];
    let rays = DIRECTIONS.filter((ray) => ends.every((end) => around(fine, circle, ray, end)[1]));
    const every = max(1, Math.floor(rays.length / 80));
    rays = rays.filter((_, i) => i % every === 0);
    const points = [];
    for (const ray of rays) {
      const values = Array.from({ length: 25 }, (_, i) => around(fine, circle, ray, ends[0] + (i * (ends[1] - ends[0])) / 24)[0]);
      const inner = mean(values.slice(0, 6)), outer = mean(values.slice(-6));
      if (!isStep(inner, outer, inside)) continue;
      const at = ends[0] + (count(values, (value) => value > fround(fround(inner + outer) / 2)) / 25) * (ends[1] - ends[0]);
      points.push([circle.x + at * ray[0], circle.y + at * ray[1]]);
    }
    if (points.length < 6) return circle;
    let [centre, radius] = fit(points);
    const off = points.map((point) => Math.abs(hypot(point[0] - centre[0], point[1] - centre[1]) - radius));
    const most = max(0.004 * radius, 2 * median(off));
    const kept = points.filter((_, i) => off[i] <= most);
    if (kept.length >= 6) [centre, radius] = fit(kept);
    if (hypot(centre[0] - circle.x, centre[1] - circle.y) + Math.abs(radius - circle.radius) > 0.15 * circle.radius) return circle;
    circle = { kind: "circle", x: centre[0], y: centre[1], radius, inner: null };
  }
  return circle;
}

const RINGS = [-0.15, -0.06, -0.05, 0.035, 0.05, 0.1, 0.15].map((share) => fround(1 + fround(share)));

function evidence(fine, circle, inside, threshold, plain) {
  let rays = 0, lit = 0, steps = 0, leaks = 0, sumX = 0, sumY = 0;
  const sharp = [];
  for (const ray of DIRECTIONS) {
    const seen = RINGS.map((ring) => around(fine, circle, ray, circle.radius * ring));
    const value = (i) => seen[i][0], visible = (i) => seen[i][1];
    if (!visible(1) || !visible(3)) continue;
    rays++;
    const inner = (value(1) + value(2)) / 2, outer = visible(4) ? value(4) : value(3);
    const step = isStep(inner, outer, inside);
    if (inner > threshold || step) lit++;
    if (outer > threshold) leaks++;
    if (!step) continue;
    steps++;
    sumX += ray[0];
    sumY += ray[1];
    const outermost = visible(6) ? value(6) : visible(5) ? value(5) : outer;
    sharp.push((inner - outer) / max(max(value(0), inner) - outermost, 1));
  }
  if (!steps) return { rays, lit: 0, steps: 0, leaks: 1, oneSided: 1, plain: 0, sharp: 0 };
  let outside = 0, dark = 0;
  for (let y = 0; y < fine.height; y += 3) {
    for (let x = 0; x < fine.width; x += 3) {
      const across = x + 0.5 - circle.x, down = y + 0.5 - circle.y;
      if (across * across + down * down <= (1.04 * circle.radius) ** 2) continue;
      outside++;
      if (fine.data[y * fine.width + x] <= plain) dark++;
    }
  }
  return {
    rays, lit: lit / rays, steps: steps / lit, leaks: leaks / rays, oneSided: hypot(sumX / steps, sumY / steps),
    plain: dark / max(1, outside), sharp: median(sharp),
  };
}

function convinces(found, look, strict) {
  if (found.rays < 6 || found.lit < 0.35 || found.leaks > 0.15 || found.plain < 0.85 || found.sharp < look.sharp) return false;
  if (strict && (found.rays < 12 || found.steps < 0.8 || found.sharp < 0.8)) return false;
  return found.oneSided < look.oneSided && found.steps > (found.rays >= 16 ? 0.5 : 0.75);
}
