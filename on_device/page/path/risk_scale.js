// skin_model/network/risk_scale.py once more: the bands along the scale, and where a risk stands among them.
import { bandOf } from "./calibration.js";

/** The bands from risk 0 to 1, each {band, start, end}; what no risk reaches is left out. */
export function segments(thresholds) {
  const inner = new Set(["low", "high", "malignant_from", "benign_to"].map((name) => thresholds[name]));
  const edges = [0, ...[...inner].filter((edge) => edge > 0 && edge < 1).sort((a, b) => a - b), 1];
  const found = [];
  for (let i = 1; i < edges.length; i++) {
    const [start, end] = [edges[i - 1], edges[i]], band = bandOf((start + end) / 2, thresholds);
    if (found.at(-1)?.band === band) found.at(-1).end = end;
    else found.push({ band, start, end });
  }
  return found;
}

/** Which segment a risk (0…1) lies in; on a border, that of its band. */
export function segmentOf(risk, band, scale) {
  const holding = [...scale.keys()].filter((number) => scale[number].start <= risk && risk <= scale[number].end);
  return holding.find((number) => scale[number].band === band) ?? holding.at(-1);
}

/** Where a risk stands, as a share (0…1) of the scale's length. */
export function placeOf(risk, band, scale) {
  const number = segmentOf(risk, band, scale), { start, end } = scale[number];
  return (number + (risk - start) / (end - start)) / scale.length;
}
