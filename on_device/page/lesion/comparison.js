// skin_model/comparison.py once more: two photos of one spot in, what differs by more than two photos of an unchanged spot do.
import { findOutline } from "./outline.js";
import { asymmetry, edgeShare } from "./measures.js";
import { align, change } from "./registration.js";

export const MEASURES = ["size", "shape", "colour", "risk"];

/** One of the two: rgb: its working copy. risk: 0…1, or null. network: which gave it. Returns a shot. */
export async function shoot(rgb, risk, network, probabilities, triples) {
  const outline = await findOutline(rgb, probabilities, triples);
  return { rgb, risk, network, outline, asymmetry: outline && asymmetry(outline), edge: outline ? edgeShare(rgb, outline) : 0 };
}

/** Whether a photo's outline is certain and follows an edge. limits: skin_model/weights/repeatability.json. */
export function holds({ outline, edge }, { least }) {
  return outline !== null && outline.certainty >= least.certainty && edge >= least.edge;
}

/** Returns {alignment, sizeRatio, differences: {measure: amount}, changes: [measure, …], isMeasured}. */
export function compare(before, after, limits, triples) {
  const alignment = align(before, after, triples), taken = { size: null, shape: null, colour: null, risk: null };
  let sizeRatio = null;
  if (alignment.kind !== "none" && holds(before, limits) && holds(after, limits)) {
    const found = change(before, after, alignment);
    sizeRatio = found.sizeRatio;
    taken.size = sizeRatio === null ? null : Math.abs(Math.log(sizeRatio));
    taken.shape = Math.abs(found.asymmetry);
    taken.colour = found.colour;
  }
  if ([before, after].every(({ risk, network }) => risk !== null && network === limits.checkpoint)) taken.risk = Math.abs(logOdds(after.risk) - logOdds(before.risk));
  const differences = Object.fromEntries(MEASURES.filter((name) => taken[name] !== null).map((name) => [name, taken[name]]));
  const changes = Object.keys(differences).filter((name) => differences[name] > limits.limits[name].limit);
  return { before, after, alignment, sizeRatio, differences, changes, isMeasured: Object.keys(differences).some((name) => name !== "risk") };
}

export function logOdds(risk) {
  const inside = Math.min(Math.max(risk, 1e-6), 1 - 1e-6);
  return Math.log(inside / (1 - inside));
}
