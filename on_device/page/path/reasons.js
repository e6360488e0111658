// Where the risk comes from: turned_grad_cam of skin_model/network/saliency.py once more.
import { enlargeMap } from "../pixels/resize.js";

/**
 * What every place of the last feature map adds to the log-odds of malignancy, h × w numbers; gradient: C numbers, maps:
 * C × h × w.
 */
export function contributions(gradient, maps) {
  const places = maps.length / gradient.length, found = new Float32Array(places);
  for (let channel = 0, at = 0; channel < gradient.length; channel++) {
    for (let place = 0; place < places; place++, at++) found[place] += gradient[channel] * maps[at];
  }
  return found;
}

/** The mean over `contributions` of all eight turned views, each turned back, h × h numbers. */
export function turnedBack(views) {
  const side = Math.sqrt(views[0].length), mean = new Float32Array(side * side);
  views.forEach((view, number) => {
    const mirrored = number % 2 === 1, upsideDown = number % 4 >= 2, turned = number >= 4;
    for (let y = 0, at = 0; y < side; y++) {
      for (let x = 0; x < side; x++, at++) {
        const [u, v] = turned ? [y, x] : [x, y];
        mean[(upsideDown ? side - 1 - v : v) * side + (mirrored ? side - 1 - u : u)] += view[at] / views.length;
      }
    }
  });
  return mean;
}

/** A map of `turnedBack` at the picture's size, `to` × `to` numbers in -1…1. */
export function inUnits(mean, to, { calibration, overlay }) {
  const unit = (49 * calibration.temperature * overlay.full) / mean.length;
  return enlargeMap(mean, Math.sqrt(mean.length), to).map((value) => Math.min(Math.max(value / unit, -1), 1));
}

/** How much of the photo the colours cover at a level (-1…1) of a map: 0…1. strength: 0…1. */
export function opacityOf(level, strength, { strongest, palest }) {
  const share = Math.min(Math.max((Math.abs(level) - palest) / (1 - palest), 0), 1);
  return strength * (level > 0 ? strongest[0] : strongest[1]) * Math.sqrt(share);
}
