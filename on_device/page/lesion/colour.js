// skin_model/lesion/colour.py once more: CIELAB and the difference of two colours. Colours are lists of three numbers.
const { abs, atan2, cbrt, cos, exp, hypot, max, min, PI, sin, sqrt } = Math;
const MATRIX = [[0.412453, 0.35758, 0.180423], [0.212671, 0.71516, 0.072169], [0.019334, 0.119193, 0.950227]], WHITE = [0.950456, 1, 1.088754];

/** A level 0…255 of sRGB to light in 0…1. */
export const linear = (level) => { const value = level / 255; return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4; };

/** Light, clipped to 0…1, to a level 0…255. */
export function encoded(light) {
  const inside = min(max(light, 0), 1);
  return 255 * (inside <= 0.0031308 ? 12.92 * inside : 1.055 * inside ** (1 / 2.4) - 0.055);
}

/** sRGB in 0…255 to L*, a*, b*. */
export function lab(rgb) {
  const light = rgb.map(linear);
  const [x, y, z] = MATRIX.map((row, i) => row.reduce((sum, share, c) => sum + share * light[c], 0) / WHITE[i]);
  const root = (value) => (value > 0.008856 ? cbrt(value) : 7.787 * value + 16 / 116);
  return [y > 0.008856 ? 116 * cbrt(y) - 16 : 903.3 * y, 500 * (root(x) - root(y)), 200 * (root(y) - root(z))];
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
