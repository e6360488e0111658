// Every sentence that a visitor reads, in one language, as skin_model/wording has them.

/** Sentences of one language; a missing key throws, so that a test finds it. */
export class Words {
  constructor(language, sentences) { this.language = language; this.sentences = sentences; }

  say(key, values = {}) {
    const sentence = this.sentences[key];
    if (sentence === undefined) throw new Error(`There is no sentence '${key}' in words/${this.language}.json.`);
    return sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
  }

  get direction() { return this.say("language.direction"); }

  /** A share (0…1) in per cent, under 10 with one decimal; never 0 or 100, which would claim certainty. */
  percent(share) {
    if (share < 0.01) return this.say("format.percent.under");
    if (share > 0.99) return this.say("format.percent.over");
    const number = (100 * share).toFixed(share < 0.0995 ? 1 : 0).replace(".", this.say("format.decimal"));
    return this.say("format.percent", { number });
  }
}

/** The visitor's own choice, else the first of the browser's languages that there is, else English. */
export function preferredLanguage(languages) {
  const asked = new URLSearchParams(location.search).get("lang");
  let chosen = null;
  try { chosen = localStorage.getItem("language"); } catch { /* storage may be forbidden */ }
  const wanted = [asked, chosen, ...(navigator.languages ?? [])].map((code) => String(code ?? "").toLowerCase().split("-")[0]);
  return wanted.find((code) => languages.includes(code)) ?? "en";
}

export function rememberLanguage(code) {
  try { localStorage.setItem("language", code); } catch { /* it holds for this visit */ }
  const address = new URL(location.href); // a link's language must not win over the choice after a reload
  address.searchParams.delete("lang");
  history.replaceState(null, "", address);
}

export async function loadWords(language, folder) {
  const response = await fetch(new URL(`words/${language}.json`, folder));
  if (!response.ok) throw new Error(`words/${language}.json: ${response.status}`);
  return new Words(language, await response.json());
}
