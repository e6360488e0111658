// skin_model/network/context.py once more: what age, sex and body site add to the picture's answer.

/** Log-odds that the context adds. told: {age: years or null, sex, site: codes, or "" where not told}. */
export function added(model, { age, sex, site }) {
  const known = (model.sex_effects[sex] ?? 0) + (model.site_effects[site] ?? 0);
  return age === null ? known : known + ofAge(model, age);
}

/** The calibrated risk (0…1) of the picture alone as it is with the context; null where nothing is told. */
export function withContext(model, risk, told) {
  if (told.age === null && !told.sex && !told.site) return null;
  const kept = Math.min(Math.max(risk, 1e-9), 1 - 1e-9);
  return 1 / (1 + Math.exp(-(Math.log(kept) - Math.log1p(-kept) + added(model, told))));
}

function ofAge({ ages, age_effects: effects }, age) {
  if (age <= ages[0]) return effects[0];
  for (let k = 1; k < ages.length; k++) {
    if (age <= ages[k]) return effects[k - 1] + ((age - ages[k - 1]) / (ages[k] - ages[k - 1])) * (effects[k] - effects[k - 1]);
  }
  return effects.at(-1);
}
