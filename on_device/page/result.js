// The answer in words and shapes, as interface/components/result_card.py builds it for the app: same structure, same classes.
import { element, icon } from "./dom.js";
import { bandOf } from "./path/calibration.js";
import { placeOf, segmentOf, segments } from "./path/risk_scale.js";

// A shape for every band, so that none is told apart by colour alone.
const SHAPES = {
  low: [["circle", { cx: 12, cy: 12, r: 9 }], ["path", { d: "M8 12h8" }]],
  raised: [["path", { d: "M12 3 22 20H2z" }], ["path", { d: "M12 10v4M12 17v.5" }]],
  high: [["path", { d: "M8 2h8l6 6v8l-6 6H8l-6-6V8z" }], ["path", { d: "M12 7v6M12 16v.5" }]],
  cannot_tell: [["circle", { cx: 12, cy: 12, r: 9 }], ["path", { d: "M9 9.5a3 3 0 1 1 4 2.7c-.7.3-1 .8-1 1.6M12 16.5v.5" }]],
  refused: [["rect", { x: 3, y: 3, width: 18, height: 18, rx: 3 }], ["path", { d: "M8 8l8 8M16 8l-8 8" }]],
};

/**
 * The card that comes first. found: an assessment; interval: [lowest, highest] risk over turned views, or null. partOnly:
 * whether the visitor chose a part of the photo.
 */
export function answer(words, found, config, interval, partOnly) {
  const risk = words.percent(found.risk);
  const extreme = found.risk < 0.01 ? "under" : found.risk > 0.99 ? "over" : "about";
  const meaning = words.say("interface.risk_meaning", {
    count: words.say(`interface.count.${extreme}`, { count: (100 * found.risk).toFixed(0) }),
    prevalence: (100 * config.calibration.reference_prevalence).toFixed(0),
  });
  const rest = [words.say(`next_step.${found.band}`), meaning];
  if (found.band === "cannot_tell") rest.push(words.say("interface.between"));
  return card(found.band, words.say(`band.${found.band}`), [
    element("p", { class: "next" }, words.say(`advice.${found.band}`)),
    element("p", { class: "risk" }, element("strong", {}, risk), " ", element("span", {}, words.say("interface.risk_label"))),
    rangeOf(words, interval),
    scaleOf(words, found, config.thresholds),
    partOnly ? element("p", { class: "small" }, words.say("interface.part_only")) : null,
    ...doubts(words, found, config, interval, partOnly).map((doubt) => element("p", { class: "doubt" }, doubt)),
    element("details", {}, element("summary", {}, words.say("interface.fold")), rest.map((line) => element("p", {}, line))),
    element("p", { class: "notice" }, words.say("notice.screening")),
  ]);
}

/** Between which risks the number lies when the photo is turned; nothing before that is known, or where both read alike. */
function rangeOf(words, interval) {
  const [low, high] = (interval ?? [0, 0]).map((risk) => words.percent(risk));
  return low === high ? null : element("p", { class: "small" }, words.say(interval[0] < 0.01 ? "interface.range.turned_to" : "interface.range.turned", { low, high }));
}

/** What speaks against "lower risk", in sentences. */
function doubts(words, found, config, interval, partOnly) {
  const told = [];
  if (found.band !== "low") return told;
  const reached = interval && bandOf(interval[1], config.thresholds);
  if (reached && reached !== "low") told.push(words.say("interface.reaches", { high: words.percent(interval[1]), band: words.say(`band.${reached}`) }));
  if (config.preprocessing.square === "spot" && !partOnly && !found.located) told.push(words.say("interface.not_located"));
  return told;
}

/** Why there is no result; code: the refusal's. */
export function refusal(words, code) {
  return card("refused", words.say("interface.no_result"), [element("p", {}, words.say(`refused.${code}`)), element("p", { class: "notice" }, words.say("notice.screening"))]);
}

/** What stands there before the first photo: how to take a good one. */
export function welcome(words) {
  const tips = [1, 2, 3].map((number) => element("li", {}, words.say(`interface.tip.${number}`)));
  return element("section", { class: "answer" }, element("h2", {}, element("span", {}, words.say("interface.tips"))), element("ol", {}, tips), element("p", { class: "notice" }, words.say("notice.screening")));
}

function card(kind, title, body) {
  return element("section", { class: "answer", "data-kind": kind }, element("h2", { tabindex: -1 }, icon(SHAPES[kind]), element("span", {}, title)), body);
}

/** The risk among the bands, each in a segment of one width, with every border labelled where it is. */
function scaleOf(words, { risk, band }, thresholds) {
  const scale = segments(thresholds), here = segmentOf(risk, band, scale);
  const name = (segment) => words.say(`interface.meter.${segment.band}`);
  const told = scale.map((segment) => {
    const kind = segment.start > 0 && segment.end < 1 ? "between" : segment.start > 0 ? "from" : "below";
    return words.say(`interface.meter.${kind}`, { band: name(segment), start: words.percent(segment.start), end: words.percent(segment.end) });
  });
  const chosen = (number) => (number === here ? "here" : null);
  const at = (share) => ({ style: { "inset-inline-start": `${(100 * share).toFixed(1)}%` } });
  const label = `${words.say("interface.meter.label", { risk: words.percent(risk) })} ${told.join(words.say("format.list"))}`;
  return element("div", { class: "meter", role: "img", "aria-label": label },
    element("div", { class: "meter-names", "aria-hidden": "true" }, scale.map((segment, number) => element("span", { class: chosen(number) }, name(segment)))),
    element("div", { class: "meter-track" }, scale.map((segment, number) => element("i", { "data-band": segment.band, class: chosen(number) })), element("b", at(placeOf(risk, band, scale)))),
    element("div", { class: "meter-borders", "aria-hidden": "true" }, scale.slice(1).map((segment, number) => element("span", at((number + 1) / scale.length), words.percent(segment.start)))));
}

/** What is wrong with the picture and how to take a better one; null without problems. */
export function problems(words, codes) {
  if (!codes.length) return null;
  return element("section", { class: "problems" }, element("h3", {}, words.say("interface.problems")), element("ul", {}, codes.map((code) => element("li", {}, words.say(`problem.${code}`)))));
}

/** The diagnoses as bars, likeliest first. */
export function diagnosisBars(words, diagnoses, config) {
  const order = Object.entries(diagnoses).sort((a, b) => b[1] - a[1]);
  const note = config.diagnosis_calibration ? element("p", { class: "small" }, words.say("interface.diagnoses.weighted")) : null;
  return element("div", {}, element("ol", { class: "bars" }, order.map(([code, share]) => element("li", {},
    element("div", { class: "bar-head" },
      element("span", {}, element("strong", {}, words.say(`diagnosis.${code}.name`)), " ", config.malignant[config.labels.indexOf(code)] ? element("em", {}, words.say("interface.needs_doctor")) : null),
      element("span", {}, words.percent(share))),
    element("div", { class: "bar", "aria-hidden": "true" }, element("i", { style: { width: `${(100 * share).toFixed(1)}%` } })),
    element("p", { class: "small" }, words.say(`diagnosis.${code}.line`), " ", element("span", { class: "medical" }, words.say(`diagnosis.${code}.medical`)))))), note);
}

/** How steady the number is, and what steadiness does not say. */
export function howSure(words, found, interval) {
  const lines = [words.say("interface.sure.turned", { low: words.percent(interval[0]), high: words.percent(interval[1]) })];
  if (found.band === "cannot_tell") lines.push(words.say("interface.sure.cannot_tell"));
  lines.push(words.say("interface.sure.limits"));
  return element("div", { class: "point" }, lines.map((line) => element("p", {}, line)));
}

/** The picture that was scored, with a line that says how it was cut. partOnly: as `answer`'s. */
export function seen(words, canvas, found, partOnly) {
  const how = partOnly ? "part" : found.border ? "border" : found.located ? "spot" : "whole";
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", words.say("interface.seen.alt"));
  return element("figure", { class: "seen" }, canvas, element("figcaption", {}, words.say(`interface.seen.${how}`)));
}
