// "My spots": the part of the page that keeps photos, loaded when it is opened. Every screen has an address ("#spots/…"),
// so that the phone's own way back works. Nothing here sends anything; what is kept lies in this browser alone.
import { element } from "../dom.js";
import { Words } from "../words.js";
import { cameraScreen } from "./ghost.js";
import { changeScreen } from "./change.js";
import { doctorScreen } from "./doctor.js";
import { heldFields } from "./form_state.js";
import { keepScreen } from "./keep.js";
import { listScreen } from "./list.js";
import { ownScreen } from "./own.js";
import { placeScreen, spotScreen } from "./spot.js";
import { DiaryProblem, named } from "./storage/problem.js";
import { Store } from "./storage/store.js";
import { dueDay } from "./dates.js";

const SCREENS = { "": listScreen, new: placeScreen, place: placeScreen, spot: spotScreen, keep: keepScreen, camera: cameraScreen, change: changeScreen, doctor: doctorScreen, own: ownScreen };
const OF_A_SPOT = ["place", "keep", "camera", "change"];
export const HASH = "#spots";

export class Diary {
  /**
   * host: the element to show it in. services: what app.js lends, with my_spots.js's `loadWords` and `onDue`.
   * pending: on the instance, the photo that waits to be kept, or null. waiting: the copy that waits for its passphrase, or null.
   */
  constructor(host, services) {
    Object.assign(this, { host, services, store: null, words: null, pending: null, waiting: null, told: null, notice: null, showing: 0, addresses: [], leaving: [] });
    addEventListener("hashchange", () => this.show(true));
  }

  get isOpen() { return location.hash === HASH || location.hash.startsWith(`${HASH}/`); }
  get config() { return this.services.config(); }
  say(key, values) { return this.words.say(key, values); }

  /** words: the page's, in the language of the moment. */
  async speak(words) {
    const own = await this.services.loadWords(words.language);
    this.words = new Words(words.language, { ...words.sentences, ...own });
  }

  async start(words) {
    await this.speak(words);
    await this.openStore();
    await this.show(true);
    this.stripEarlier();
    navigator.serviceWorker?.addEventListener("message", ({ data }) => { if (data === "diary-kept") document.documentElement.dataset.diary = "offline"; });
    navigator.serviceWorker?.ready.then(({ active }) => active?.postMessage("keep-diary"));
  }

  async openStore() {
    try {
      this.store = await Store.open(this.config.photo);
      this.store.onChange((change) => this.changed(change));
    } catch (problem) {
      this.failure = problem;
    }
  }

  /** Photos that an earlier version kept lose what the camera wrote into them, behind the screens; an export waits for it. */
  stripEarlier() {
    if (this.store && !this.store.isLocked) this.store.stripEarlier().catch((problem) => console.info(problem));
  }

  /** Something was written, here or in another tab. */
  async changed(change) {
    if (change.closed) { this.store = null; this.failure = new DiaryProblem("closed"); return this.show(); }
    if (change.lock || change.everything) await this.store.readLock();
    this.due();
    if (change.lock || change.everything || !this.quiet) await this.show();
  }

  /** Tells the page outside, which knows nothing of the diary, when the next photo is due. */
  async due() {
    if (!this.store || this.store.isLocked) return;
    const days = (await this.store.spots()).map(dueDay).filter((day) => day !== null).sort();
    this.services.onDue(days[0] ?? null);
  }

  /** done: whether the screen left behind has served, so that the phone's way back passes over it. */
  go(path = "", done = false) {
    const hash = path ? `${HASH}/${path}` : HASH;
    if (location.hash === hash) return this.show(true);
    if (done) location.replace(hash);
    else location.hash = hash;
  }

  /** Writes without drawing the screen anew for it. Returns what `write` does. */
  async quietly(write) {
    this.quiet = true;
    try { return await write(); } finally { this.quiet = false; }
  }

  leave() { location.hash = ""; }

  /** The address of a Blob for an image; it holds as long as the screen. */
  address(blob) {
    const address = URL.createObjectURL(blob);
    this.addresses.push(address);
    return address;
  }

  /** work: called when the screen goes away. */
  onLeave(work) { this.leaving.push(work); }

  clear() {
    for (const work of this.leaving.splice(0)) work();
    for (const address of this.addresses.splice(0)) URL.revokeObjectURL(address);
  }

  /**
   * Shows the screen of the page's address. moved: whether the visitor went there, so that it begins at its heading. worded:
   * whether only the language is another one, so that what was typed comes along.
   */
  async show(moved = false, worded = false) {
    const mine = ++this.showing, [, name = "", id] = location.hash.slice(1).split("/");
    if (!this.isOpen) return this.clear();
    if (!moved && !worded && this.host.querySelector("[data-editing]")) return; // what was typed stays
    if (moved) this.waiting = null;
    let nodes;
    const left = this.leaving.splice(0), addresses = this.addresses.splice(0);
    try {
      if (!this.store) throw this.failure ?? new DiaryProblem("unavailable");
      nodes = this.store.isLocked ? this.lockedScreen() : await (SCREENS[name] ?? listScreen)(this, id);
    } catch (problem) {
      nodes = this.failed(problem);
    }
    for (const work of left) work();
    for (const address of addresses) URL.revokeObjectURL(address);
    if (mine !== this.showing) return;
    if (!worded) this.notice = this.told;
    if (moved) this.told = null;
    const notice = this.notice ? this.noticeOf(this.notice) : null, restore = worded ? heldFields(this.host) : null;
    const open = moved || worded ? [] : [...this.host.querySelectorAll("[data-photo]:has(> details[open])")].map((item) => item.dataset.photo);
    const [way, said] = this.wayBack(name, id), back = element("a", { class: "back", href: way }, this.say(said));
    // A question that waits for its answer stays, since the visitor did not go away.
    for (const node of [...this.host.children]) if (moved || !node.matches("dialog[open]")) node.remove();
    this.host.prepend(element("nav", {}, back), ...(notice ? [notice] : []), ...nodes);
    for (const photo of open) this.host.querySelector(`[data-photo="${photo}"] > details`)?.setAttribute("open", "");
    await restore?.();
    this.host.dataset.screen = this.store?.isLocked ? "locked" : name || "list";
    if (moved) {
      scrollTo(0, 0);
      this.host.querySelector("h2")?.focus({ preventScroll: true });
    }
  }

  /** Where a screen's way back leads, and the sentence's key. */
  wayBack(name, id) {
    if (!name || !this.store || this.store.isLocked) return ["#", "diary.back"];
    return OF_A_SPOT.includes(name) && id ? [`${HASH}/spot/${id}`, "diary.back.spot"] : [HASH, "diary.title"];
  }

  heading(text) { return element("h2", { tabindex: "-1" }, text); }

  /** A problem in words. */
  warning(problem) {
    const known = named(problem), code = known instanceof DiaryProblem ? known.code : "unknown";
    if (code === "unknown") console.error(problem);
    return element("p", { class: "warning", role: "alert", "data-problem": code }, this.say(`diary.problem.${code}`));
  }

  failed(problem) {
    const warning = this.warning(problem), nodes = [this.heading(this.say("diary.title")), warning];
    if (["closed", "newer", "unknown"].includes(warning.dataset.problem)) nodes.push(this.button("device.again", () => location.reload()));
    return nodes;
  }

  noticeOf({ key, values, action }) {
    return element("div", { class: "told", role: "status" }, element("p", {}, this.say(key, values)), action ? this.button(action[0], action[1]) : null);
  }

  /** A line above the next screen, with [key, action] of a button where there is one. */
  tell(key, values = {}, action = null) { this.told = { key, values, action }; }

  button(key, action, kind = "secondary") {
    const button = element("button", { type: "button", class: `lg ${kind}` }, this.say(key));
    button.addEventListener("click", () => this.doing(button, action));
    return button;
  }

  link(key, path, kind = "secondary") { return element("a", { class: `lg ${kind} button`, href: `${HASH}/${path}` }, this.say(key)); }

  /** Runs what a button does, with the button out of use meanwhile; a problem is said below it. */
  async doing(button, action) {
    if (button.disabled) return;
    const focused = document.activeElement === button;
    button.disabled = true;
    this.host.querySelector("[data-said-at-once]")?.remove();
    try {
      await this.unlocked(() => action(button));
    } catch (problem) {
      const warning = this.warning(problem);
      warning.dataset.saidAtOnce = "";
      button.after(warning);
    } finally {
      button.disabled = false;
      // A button out of use lets the keyboard's place on the page go.
      if (focused && document.activeElement === document.body) button.focus({ preventScroll: true });
    }
  }

  /** Where another tab has locked the diary, asks for the passphrase and goes on, so that nothing typed is lost. */
  async unlocked(action) {
    try {
      return await action();
    } catch (problem) {
      if (problem.code !== "locked" || !(await this.askForPassphrase())) throw problem;
      return action();
    }
  }

  /** One question with two answers; true where the visitor agrees. */
  ask(question, yes, values = {}) {
    return this.dialog(this.say(question, values), (close) => [["diary.no", false, "secondary"], [yes, true, "primary"]].map(([key, answer, kind]) => {
      const button = element("button", { type: "button", class: `lg ${kind}` }, this.say(key));
      button.addEventListener("click", () => close(answer));
      return button;
    }));
  }

  /** True once the passphrase has opened the diary, which another tab locked. */
  askForPassphrase() {
    return this.dialog(this.say("diary.problem.locked"), (close) => {
      const field = this.passphraseField("asked-passphrase", "diary.passphrase", "current-password"), open = element("button", { type: "submit", class: "lg primary" }, this.say("diary.unlock"));
      const form = element("form", {}, field, element("div", { class: "row" }, this.button("diary.cancel", () => close(false)), open));
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        this.doing(open, async () => { await this.store.unlock(field.querySelector("input").value); close(true); });
      });
      return form;
    });
  }

  /** text: of the question. answers: given what closes the dialog, returns what stands below. Resolves to the answer. */
  dialog(text, answers) {
    const dialog = element("dialog", { class: "question", "aria-labelledby": "question" }, element("p", { id: "question" }, text));
    return new Promise((answered) => {
      const close = (answer) => { dialog.close(); dialog.remove(); answered(answer); };
      dialog.append(element("div", { class: "row" }, answers(close)));
      dialog.addEventListener("cancel", (event) => { event.preventDefault(); close(false); });
      this.host.append(dialog);
      dialog.showModal();
    });
  }

  /** Lets the visitor save a Blob as a file. */
  save(blob, name) {
    const address = URL.createObjectURL(blob);
    element("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  }

  passphraseField(id, key, complete) {
    return element("label", { class: "field" }, element("span", {}, this.say(key)), element("input", { id, type: "password", autocomplete: complete, required: "", maxlength: 200 }));
  }

  lockedScreen() {
    const form = element("form", { class: "panel" }, this.heading(this.say("diary.locked")), element("p", {}, this.say("diary.locked.line")), this.passphraseField("passphrase", "diary.passphrase", "current-password"));
    const open = element("button", { type: "submit", class: "lg primary" }, this.say("diary.unlock"));
    const forget = this.button("diary.forget.everything", () => this.forgetEverything());
    form.append(element("div", { class: "row" }, open));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.doing(open, async () => { await this.store.unlock(form.querySelector("#passphrase").value); await this.show(true); this.stripEarlier(); });
    });
    return [form, element("details", {}, element("summary", {}, this.say("diary.locked.forgotten")), element("p", {}, this.say("diary.locked.forgotten.line")), forget)];
  }

  async forgetEverything() {
    if (!(await this.ask("diary.forget.everything.question", "diary.forget.yes"))) return;
    await this.store.forgetEverything();
    this.pending = null;
    this.services.onDue(null);
    this.tell("diary.forgotten.everything");
    this.go();
  }
}
