// skin_model/network/calibration.py once more: logits to calibrated probabilities, a risk and its band.

/** Calibrated probabilities of the K outputs, which sum to 1 (K = 1: the risk). */
export function probabilities(logits, malignant, { temperature, malignant_offset: offset }) {
  if (!Array.from(logits).every(Number.isFinite)) throw new Error("The network returned a value that is not a finite number.");
  const shifted = Array.from(logits, (value, i) => value / temperature + (malignant[i] ? offset : 0));
  return shifted.length === 1 ? [1 / (1 + Math.exp(-shifted[0]))] : softmax(shifted);
}

/** Probabilities of the K diagnoses, which sum to 1; not those behind the risk. */
export function diagnosisProbabilities(logits, { temperature, offsets }) {
  return softmax(Array.from(logits, (value, i) => value / temperature + offsets[i]));
}

function softmax(values) {
  const most = Math.max(...values);
  const weights = values.map((value) => Math.exp(value - most));
  const total = weights.reduce((sum, value) => sum + value, 0);
  return weights.map((value) => value / total);
}

export function riskOf(probability, malignant) {
  return probability.reduce((sum, value, i) => sum + (malignant[i] ? value : 0), 0);
}

/** low, raised, high or cannot_tell; a value on a threshold takes the higher band. */
export function bandOf(risk, { low, high, malignant_from: from, benign_to: to }) {
  if (from <= risk && risk <= to) return "cannot_tell";
  if (risk >= high) return "high";
  return risk >= low ? "raised" : "low";
}
