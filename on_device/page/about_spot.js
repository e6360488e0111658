// What a visitor may tell of a spot, and the second risk that this gives: interface/components/about_spot.py once more.
import { element } from "./dom.js";
import { bandOf } from "./path/calibration.js";
import { withContext } from "./path/context.js";

const OLDEST = 120;
const SITES = ["head_neck", "anterior_torso", "posterior_torso", "upper_extremity", "lower_extremity", "palms_soles", "oral_genital"];
const URGENCY = ["low", "raised", "cannot_tell", "high"];

/** What was told so far; it stays while photos come and go, and leaves with the page. */
const told = { age: "", sex: "", site: "" };

/** The three fields, folded, and what follows from them for an assessment. */
export function aboutSpot(words, found, config) {
  const answer = element("div", { "aria-live": "polite" });
  const tell = () => answer.replaceChildren(...says(words, found, config));
  const labelled = (key, field) => element("label", {}, element("span", {}, words.say(`context.${key}`)), field);
  const listed = (key, codes, say) => {
    const field = element("select", {}, element("option", { value: "" }, words.say("context.untold")), codes.map((code) => element("option", { value: code }, say(code))));
    field.value = told[key];
    field.addEventListener("change", () => { told[key] = field.value; tell(); });
    return labelled(key, field);
  };
  const age = element("input", { type: "number", inputmode: "numeric", min: 0, max: OLDEST });
  age.value = told.age;
  age.addEventListener("input", () => { told.age = age.value; tell(); });
  tell();
  return element("details", { id: "about-spot" }, element("summary", {}, words.say("context.title")),
    element("p", { class: "small" }, words.say("context.line")),
    element("div", { class: "fields" }, labelled("age", age),
      listed("sex", ["female", "male"], (code) => words.say(`context.sex.${code}`)),
      listed("site", SITES, (code) => words.say(`context.site.${code}`))),
    answer);
}

function says(words, found, config) {
  const age = told.age === "" ? null : Number(told.age);
  if (age !== null && !(age >= 0 && age <= OLDEST)) return [element("p", { role: "alert" }, words.say("context.age.wrong"))];
  const risk = withContext(config.context, found.risk, { ...told, age });
  if (risk === null) return [];
  const band = bandOf(risk, config.thresholds);
  const lines = [element("strong", {}, words.say("context.risk", { risk: words.percent(risk) }))];
  if (URGENCY.indexOf(band) > URGENCY.indexOf(found.band)) lines.push(words.say("context.urgent", { band: words.say(`band.${band}`) }));
  lines.push(words.say("context.risk.line"));
  return [element("div", { class: "point" }, lines.map((line) => element("p", {}, line)))];
}
