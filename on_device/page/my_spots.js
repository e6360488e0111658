// The door to the diary: its code, its sentences and its styles are loaded when it is opened, and only then.
import { element } from "./dom.js";

const HASH = "#spots", DUE = "diary.due";
const at = (id) => document.getElementById(id);
const day = (date) => `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}-${String(date.getDate()).padStart(2, "0")}`;

export class MySpots {
  /** services: what app.js lends: {here, config, words, network, judge, open, canvasOf}. */
  constructor(services) {
    Object.assign(this, { services, diary: null, opening: null, pending: null });
    at("my-spots").addEventListener("click", () => { location.hash = HASH; });
    addEventListener("hashchange", () => this.follow());
  }

  get isAsked() { return location.hash === HASH || location.hash.startsWith(`${HASH}/`); }

  /** Shows what the address asks for: the diary, or the check. */
  follow() {
    const asked = this.isAsked;
    if (asked === at("diary").hidden) dispatchEvent(new Event("diary-moves"));
    at("diary").hidden = !asked;
    for (const node of document.querySelectorAll(".device-columns, #my-spots")) node.hidden = asked;
    if (asked && !this.diary) this.opening ??= this.load().finally(() => { this.opening = null; });
  }

  async load() {
    const { services } = this, host = at("diary"), say = (key) => services.words().say(key);
    host.replaceChildren(element("p", { class: "busy", role: "status" }, say("diary.loading")));
    try {
      if (!at("diary-style")) document.head.append(element("link", { id: "diary-style", rel: "stylesheet", href: new URL("diary/diary.css", services.here).href }));
      const { Diary } = await import("./diary/diary.js");
      this.diary = new Diary(host, { ...services, loadWords: (language) => this.words(language), onDue: (due) => this.remember(due) });
      this.diary.pending = this.pending;
      await this.diary.start(services.words());
    } catch (problem) {
      console.error(problem);
      this.diary = null;
      const again = element("button", { type: "button", class: "lg secondary" }, say("device.again"));
      again.addEventListener("click", () => location.reload());
      host.replaceChildren(element("p", { class: "warning", role: "alert" }, say("diary.failed")), again);
    }
  }

  async words(language) {
    const response = await fetch(new URL(`words/diary/${language}.json`, this.services.here));
    if (!response.ok) throw new Error(`words/diary/${language}.json: ${response.status}`);
    return response.json();
  }

  /** The page speaks another language now. */
  async speak() {
    this.badge();
    if (!this.diary) return this.follow();
    await this.diary.speak(this.services.words());
    await this.diary.show(false, true);
  }

  /** Takes a scored photo to the screen that keeps it: see diary/keep.js's `pendingOf`. */
  async keep(scored) {
    const { pendingOf } = await import("./diary/keep.js");
    this.pending = await pendingOf(scored, this.services.config());
    if (this.diary) this.diary.pending = this.pending;
    location.hash = `${HASH}/keep`;
  }

  // --- what is due, known without opening the diary ---------------------------------------------------------------
  remember(due) {
    try {
      if (due) localStorage.setItem(DUE, due);
      else localStorage.removeItem(DUE);
    } catch { /* it is said when the diary is opened */ }
    this.badge();
  }

  badge() {
    let due = null;
    try { due = localStorage.getItem(DUE); } catch { /* storage may be forbidden */ }
    const isDue = due !== null && due <= day(new Date());
    at("due").hidden = !isDue;
    if (isDue) navigator.setAppBadge?.().catch(() => {});
    else navigator.clearAppBadge?.().catch(() => {});
  }
}
