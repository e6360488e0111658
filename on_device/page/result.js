// The answer in words and shapes, as interface/components/result_card.py builds it for the app: same structure, same classes.
import { element, icon } from "./dom.js";

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
  const number = element("p", { class: "risk" }, element("strong", {}, risk), " ", element("span", {}, words.say("interface.risk_label")));
  if (interval && words.percent(interval[0]) !== words.percent(interval[1])) {
    number.append(" ", element("span", { class: "interval" }, words.say("interface.interval", { low: words.percent(interval[0]), high: words.percent(interval[1]) })));
  }
  return card(found.band, words.say(`band.${found.band}`), [
    number,
    meter(words, found.risk, config.thresholds),
    found.band === "cannot_tell" ? element("p", {}, words.say("interface.between")) : null,
    element("p", { class: "next" }, element("strong", {}, words.say("interface.next_step")), " ", words.say(`next_step.${found.band}`)),
    element("p", { class: "small" }, meaning),
    partOnly ? element("p", { class: "small" }, words.say("interface.part_only")) : null,
    element("p", { class: "notice" }, words.say("notice.screening")),
  ]);
}

/** Why there is no result; code: the refusal's. */
export function refusal(words, code) {
  return card("refused", words.say("interface.no_result"), [element("p", {}, words.say(`refused.${code}`))]);
}

/** What stands there before the first photo: how to take a good one. */
export function welcome(words) {
  const tips = [1, 2, 3].map((number) => element("li", {}, words.say(`interface.tip.${number}`)));
  return element("section", { class: "answer" }, element("h2", {}, element("span", {}, words.say("interface.tips"))), element("ol", {}, tips), element("p", { class: "notice" }, words.say("notice.screening")));
}

function card(kind, title, body) {
  return element("section", { class: "answer", "data-kind": kind }, element("h2", {}, icon(SHAPES[kind]), element("span", {}, title)), body);
}

function meter(words, risk, { low, high, malignant_from: from, benign_to: to }) {
  const percent = (share) => `${(100 * share).toFixed(1)}%`;
  const zones = [["low", { start: low }], ["raised", { start: low }]];
  if (from < to) zones.push(["cannot_tell", { start: from, end: to }]);
  zones.push(["high", { start: high }]);
  const label = ([name, ends]) => words.say(`interface.meter.${name}`, Object.fromEntries(Object.entries(ends).map(([key, value]) => [key, words.percent(value)])));
  const at = (share) => ({ style: { "inset-inline-start": percent(share) } });
  return element("div", { class: "meter", role: "img", "aria-label": words.say("interface.meter.label", { risk: words.percent(risk), low: words.percent(low), high: words.percent(high) }) },
    element("div", { class: "meter-track" }, element("i", at(low)), element("i", at(high)), element("b", at(risk))),
    element("div", { class: "meter-names", "aria-hidden": "true" }, zones.map((zone) => element("span", {}, label(zone)))));
}

/** What is wrong with the picture and how to take a better one; null without problems. */
export function problems(words, codes) {
  if (!codes.length) return null;
  return element("section", { class: "problems" }, element("h3", {}, words.say("interface.problems")), element("ul", {}, codes.map((code) => element("li", {}, words.say(`problem.${code}`)))));
}

/** The diagnoses as bars, likeliest first. */
export function diagnosisBars(words, diagnoses, config) {
  const order = Object.entries(diagnoses).sort((a, b) => b[1] - a[1]);
  return element("ol", { class: "bars" }, order.map(([code, share]) => element("li", {},
    element("div", { class: "bar-head" },
      element("span", {}, element("strong", {}, words.say(`diagnosis.${code}.name`)), " ", config.malignant[config.labels.indexOf(code)] ? element("em", {}, words.say("interface.needs_doctor")) : null),
      element("span", {}, words.percent(share))),
    element("div", { class: "bar", "aria-hidden": "true" }, element("i", { style: { width: `${(100 * share).toFixed(1)}%` } })),
    element("p", { class: "small" }, words.say(`diagnosis.${code}.line`), " ", element("span", { class: "medical", lang: "en" }, config.medical_names[code])))));
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
