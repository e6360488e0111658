// cv2.cvtColor for 8-bit pictures: grey, and CIELAB in OpenCV's fixed point.
import { picture, roundToEven } from "./picture.js";

/** COLOR_RGB2GRAY. */
export function grey(rgb) {
  const target = picture(rgb.width, rgb.height, 1);
  const { data } = rgb;
  for (let i = 0, at = 0; i < target.data.length; i++, at += 3) {
    target.data[i] = (data[at] * 9798 + data[at + 1] * 19235 + data[at + 2] * 3735 + 16384) >> 15;
  }
  return target;
}

const LINEAR = Uint16Array.from({ length: 256 }, (_, level) => {
  const x = level / 255;
  return roundToEven(2040 * (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4));
});
const CUBE_ROOT = Uint16Array.from({ length: 3072 }, (_, level) => {
  const x = level / 2040;
  return roundToEven(32768 * (x < 216 / 24389 ? (x * 841) / 108 + 16 / 116 : Math.cbrt(x)));
});
const XYZ = [0.412453, 0.35758, 0.180423, 0.212671, 0.71516, 0.072169, 0.019334, 0.119193, 0.950227];
const WHITE = [0.950456, 1, 1.088754];
const MATRIX = XYZ.map((value, i) => roundToEven((4096 * value) / WHITE[Math.floor(i / 3)]));

/** COLOR_RGB2LAB: L*, a* and b*, 0…255 each. */
export function lab(rgb) {
  const target = picture(rgb.width, rgb.height, 3);
  const { data } = rgb, into = target.data;
  const [a, b, c, d, e, f, g, h, i] = MATRIX;
  for (let at = 0; at < into.length; at += 3) {
    const red = LINEAR[data[at]], green = LINEAR[data[at + 1]], blue = LINEAR[data[at + 2]];
    const x = CUBE_ROOT[(red * a + green * b + blue * c + 2048) >> 12];
    const y = CUBE_ROOT[(red * d + green * e + blue * f + 2048) >> 12];
    const z = CUBE_ROOT[(red * g + green * h + blue * i + 2048) >> 12];
    into[at] = clamp((296 * y - 1336934 + 16384) >> 15);
    into[at + 1] = clamp((500 * (x - y) + 128 * 32768 + 16384) >> 15);
    into[at + 2] = clamp((200 * (y - z) + 128 * 32768 + 16384) >> 15);
  }
  return target;
}

function clamp(value) { return value < 0 ? 0 : value > 255 ? 255 : value; }

/**
 * A picture in sRGB, in place. light: linear light of each level, of which 1 is white. matrix: nine numbers, from linear
 * RGB to that of sRGB.
 */
export function toSrgb({ data }, { light, matrix: [a, b, c, d, e, f, g, h, i] }) {
  for (let at = 0; at < data.length; at += 3) {
    const red = light[data[at]], green = light[data[at + 1]], blue = light[data[at + 2]];
    data[at] = srgbLevel(a * red + b * green + c * blue);
    data[at + 1] = srgbLevel(d * red + e * green + f * blue);
    data[at + 2] = srgbLevel(g * red + h * green + i * blue);
  }
}

function srgbLevel(light) {
  const inside = light < 0 ? 0 : light > 1 ? 1 : light;
  return Math.round(255 * (inside <= 0.0031308 ? 12.92 * inside : 1.055 * inside ** (1 / 2.4) - 0.055));
}
