// skin_model/lesion/colour.py once more: CIELAB and the difference of two colours. Colours are lists of three numbers.
import { roundToEven } from "../pixels/picture.js";

const { abs, atan2, cbrt, cos, exp, floor, hypot, max, min, PI, sin, sqrt } = Math;
const MATRIX = [[0.412453, 0.35758, 0.180423], [0.212671, 0.71516, 0.072169], [0.019334, 0.119193, 0.950227]], WHITE = [0.950456, 1, 1.088754];

/** A level 0…255 of sRGB to light in 0…1. */
export const linear = (level) => { const value = level / 255; return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4; };

/** Light, clipped to 0…1, to a level 0…255. */
export function encoded(light) {
  const inside = min(max(light, 0), 1);
  return 255 * (inside <= 0.0031308 ? 12.92 * inside : 1.055 * inside ** (1 / 2.4) - 0.055);
}

// OpenCV looks L*, a* and b* up in a table of 33 × 33 × 33 colours, between which it takes sixteen steps.
const CELLS = 33, STEPS = 16, BASE = 16384;
let table = null;

function tableOfLab() {
  const found = new Int16Array(3 * CELLS ** 3), light = Array.from({ length: CELLS }, (_, i) => linear((255 * i) / (CELLS - 1)));
  const root = (value) => (value > 216 / 24389 ? cbrt(value) : (value * 841) / 108 + 16 / 116);
  for (let r = 0, at = 0; r < CELLS; r++) {
    for (let g = 0; g < CELLS; g++) {
      for (let b = 0; b < CELLS; b++, at += 3) {
        const [x, y, z] = MATRIX.map((row, i) => (row[0] * light[r] + row[1] * light[g] + row[2] * light[b]) / WHITE[i]);
        const lightness = y > 216 / 24389 ? 116 * cbrt(y) - 16 : (y * 24389) / 27;
        found[at] = roundToEven((BASE * lightness) / 100);
        found[at + 1] = roundToEven((BASE * (500 * (root(x) - root(y)) + 128)) / 256);
        found[at + 2] = roundToEven((BASE * (200 * (root(y) - root(z)) + 128)) / 256);
      }
    }
  }
  return found;
}

/** sRGB in 0…255 to L*, a*, b*, with OpenCV's own rounding. */
export function lab(rgb) {
  table ??= tableOfLab();
  const places = rgb.map((level) => floor(roundToEven(Math.fround(Math.fround(level) / 255) * BASE) / 32));
  const sums = [0, 0, 0];
  for (let corner = 0; corner < 8; corner++) {
    let weight = 1, at = 0;
    places.forEach((place, c) => {
      const beyond = (corner >> c) & 1, part = place % STEPS;
      weight *= beyond ? part : STEPS - part;
      at = at * CELLS + min(floor(place / STEPS) + beyond, CELLS - 1);
    });
    if (weight) for (let c = 0; c < 3; c++) sums[c] += weight * table[3 * at + c];
  }
  const [l, a, b] = sums.map((sum) => floor((sum + STEPS ** 3 / 2) / STEPS ** 3) / BASE);
  return [100 * l, 256 * a - 128, 256 * b - 128];
}

const radians = (degrees) => (degrees * PI) / 180, modulo = (value, by) => ((value % by) + by) % by;

/** CIEDE2000 of two CIELAB colours (Sharma, Wu & Dalal 2005). */
export function ciede2000([l1, a, b1], [l2, c, b2]) {
  let seventh = ((hypot(a, b1) + hypot(c, b2)) / 2) ** 7;
  const g = 0.5 * (1 - sqrt(seventh / (seventh + 25 ** 7))), a1 = (1 + g) * a, a2 = (1 + g) * c;
  const c1 = hypot(a1, b1), c2 = hypot(a2, b2), hueOf = (y, x) => modulo((atan2(y, x) * 180) / PI, 360);
  const h1 = hueOf(b1, a1), h2 = hueOf(b2, a2), grey = c1 * c2 === 0, turn = grey ? 0 : modulo(h2 - h1 + 180, 360) - 180;
  const lightness = l2 - l1, chroma = c2 - c1, hue = 2 * sqrt(c1 * c2) * sin(radians(turn / 2));
  const meanL = (l1 + l2) / 2, meanC = (c1 + c2) / 2, meanH = grey ? h1 + h2 : h1 + turn / 2;
  const t = 1 - 0.17 * cos(radians(meanH - 30)) + 0.24 * cos(radians(2 * meanH)) + 0.32 * cos(radians(3 * meanH + 6)) - 0.2 * cos(radians(4 * meanH - 63));
  const byL = lightness / (1 + (0.015 * (meanL - 50) ** 2) / sqrt(20 + (meanL - 50) ** 2)), byC = chroma / (1 + 0.045 * meanC), byH = hue / (1 + 0.015 * meanC * t);
  const blue = 30 * exp(-(((modulo(meanH, 360) - 275) / 25) ** 2));
  seventh = meanC ** 7;
  const rotation = -2 * sqrt(seventh / (seventh + 25 ** 7)) * sin(radians(2 * blue));
  return sqrt(abs(byL ** 2 + byC ** 2 + byH ** 2 + rotation * byC * byH));
}
