// The page in the exported archive that any browser opens, next to the photos: everything that the diary holds, to be read.
import { nameOf } from "../body.js";
import { dateOf } from "../dates.js";

const escaped = (text) => String(text).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
const URGENT = ["raised", "cannot_tell", "high"];
const STYLE = "body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:1rem auto;padding:0 1rem;color:#0f172a}img{max-width:100%;max-height:24rem;display:block}section{border-top:2px solid #0f766e;margin-top:2rem}figure{margin:1rem 0}dt{font-weight:600}";

/** What a score says, in a sentence's length. */
export function scoreLine(words, score) {
  if (!score) return words.say("diary.score.none");
  const answer = score.refused || score.risk === null ? words.say("interface.no_result") : `${words.say(`band.${score.band}`)}, ${words.percent(score.risk)}`;
  return words.say("diary.score", { answer, network: score.network, release: score.release });
}

/** What to do about a score that warns or cannot tell; null for the others. */
export function adviceOf(words, score) { return URGENT.includes(score?.band) ? words.say(`advice.${score.band}`) : null; }

/** What was noticed of a photo, as short sentences. */
export function signsOf(words, { signs }) { return signs.map((sign) => words.say(`diary.sign.${sign}`)).join(" · "); }

/** spots: as diary.json has them. Returns the page's HTML. */
export function readablePage(words, spots) {
  const say = (key, values) => escaped(words.say(key, values));
  const photo = (one) => `<figure><img src="${escaped(one.file)}" alt="${say("diary.photo.alt", { date: dateOf(words, one.taken) })}"><figcaption><strong>${escaped(dateOf(words, one.taken))}</strong>${
    one.scores.map((score) => `<br>${escaped(scoreLine(words, score))}`).join("")}${
    one.signs.length ? `<br>${escaped(signsOf(words, one))}` : ""}${
    one.note ? `<br>${escaped(one.note)}` : ""}</figcaption></figure>`;
  const sections = spots.map((spot) => `<section><h2>${escaped(titleOf(words, spot))}</h2><p>${escaped(nameOf(words, spot.place))}</p>${spot.photos.map(photo).join("\n")}</section>`);
  return `<!doctype html>\n<html lang="${words.language}" dir="${words.direction}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${say("diary.title")}</title><style>${STYLE}</style></head><body><h1>${say("diary.title")}</h1><p>${say("notice.screening")}</p>\n${sections.join("\n")}\n</body></html>\n`;
}

/** "3: mole near the navel", or "Spot 3" for one without a name. */
export function titleOf(words, { number, name }) {
  // A name in Latin letters must not pull the number to its other end where the page runs from right to left.
  const alone = words.direction === "rtl" ? `\u2068${name}\u2069` : name;
  return name ? words.say("diary.spot.named", { number, name: alone }) : words.say("diary.spot.numbered", { number });
}
