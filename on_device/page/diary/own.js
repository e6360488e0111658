// What belongs to the visitor: a copy of everything, bringing it back, the lock, how much room it takes, throwing it away.
import { element } from "../dom.js";
import { TONES } from "./body.js";
import { today } from "./dates.js";
import { exported, imported, isSealed } from "./files/archive.js";
import { cleared } from "./keep.js";
import { DiaryProblem } from "./storage/problem.js";

const SHORTEST = 8; // letters of a passphrase

export async function ownScreen(diary) {
  const spots = await diary.store.spots(), tone = (await diary.store.setting("tone")) ?? "plain";
  return [diary.heading(diary.say("diary.own")), ...(spots.length ? [exportPanel(diary)] : []), importPanel(diary), lockPanel(diary), await roomPanel(diary, spots), tonePanel(diary, tone),
    element("section", { class: "panel" }, element("h3", {}, diary.say("diary.forget.everything")), element("p", {}, diary.say("diary.forget.everything.line")), diary.button("diary.forget.everything", () => diary.forgetEverything()))];
}

function panel(diary, id, ...nodes) { return element("section", { class: "panel", id }, element("h3", {}, diary.say(`diary.${id}`)), ...nodes); }

function progress(diary, key) {
  const bar = element("progress", { max: 1, value: 0, "aria-label": diary.say(key), hidden: "" });
  return { bar, report: (share) => { bar.hidden = share >= 1; bar.value = share; } };
}

function exportPanel(diary) {
  const { bar, report } = progress(diary, "diary.export"), file = `self-skin-check-${today()}.zip`;
  const write = async (passphrase) => {
    const { blob, left } = await exported(diary.store, diary.words, passphrase, report);
    diary.save(blob, file);
    if (!left) return;
    diary.tell("diary.left_out", { count: left });
    diary.go("own");
  };
  const field = diary.passphraseField("export-passphrase", "diary.passphrase.new", "new-password"), input = field.querySelector("input"), form = element("form", {});
  const sealed = element("button", { type: "submit", class: "lg secondary" }, diary.say("diary.export.sealed"));
  form.append(element("p", {}, diary.say("diary.export.sealed.line")), field, sealed);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    diary.doing(sealed, async () => { await write(longEnough(input.value)); input.value = ""; });
  });
  return panel(diary, "export", element("p", {}, diary.say("diary.export.line")), element("p", { class: "small" }, diary.say("diary.export.where")),
    element("div", { class: "row" }, diary.button("diary.export.plain", () => write(null), "primary")), bar, element("details", {}, element("summary", {}, diary.say("diary.export.sealed")), form));
}

function longEnough(passphrase) {
  if (passphrase.length < SHORTEST) throw new DiaryProblem("short");
  return passphrase;
}

function importPanel(diary) {
  const { bar, report } = progress(diary, "diary.import"), file = element("input", { type: "file", id: "import-file", accept: ".zip,application/zip", hidden: "", "aria-hidden": "true", tabindex: -1 });
  const choose = diary.button("diary.import.choose", () => file.click()), asking = element("div", {});
  const read = async (archive, passphrase) => {
    try {
      const { added, left } = await diary.quietly(() => imported(diary.store, archive, passphrase, report));
      asking.replaceChildren();
      if (left) diary.tell("diary.left_out", { count: left });
      else diary.tell(added === 1 ? "diary.imported.one" : "diary.imported", { count: added });
      diary.go();
    } finally {
      bar.hidden = true;
    }
  };
  file.addEventListener("change", () => {
    const [archive] = file.files;
    file.value = "";
    if (!archive) return;
    diary.waiting = null;
    asking.replaceChildren();
    diary.doing(choose, async () => {
      if (!(await isSealed(archive))) return read(archive, null);
      diary.waiting = archive;
      askFor(archive).focus();
    });
  });
  const askFor = (archive) => {
    const form = element("form", {}, diary.passphraseField("import-passphrase", "diary.passphrase.file", "current-password")), open = element("button", { type: "submit", class: "lg primary" }, diary.say("diary.unlock"));
    form.append(open);
    form.addEventListener("submit", (event) => { event.preventDefault(); diary.doing(open, () => read(archive, form.querySelector("input").value)); });
    asking.replaceChildren(form);
    return form.querySelector("input");
  };
  if (diary.waiting) askFor(diary.waiting);
  return panel(diary, "import", element("p", {}, diary.say("diary.import.line")), element("div", { class: "row" }, choose, file), bar, asking);
}

function lockPanel(diary) {
  const { store } = diary, { bar, report } = progress(diary, "diary.lock");
  if (store.lock) {
    const close = diary.button("diary.lock.now", async () => { store.forgetKey(); await diary.show(true); }, "primary");
    const away = diary.button("diary.lock.remove", async () => { if (await diary.ask("diary.lock.remove.question", "diary.lock.remove")) await sealing(diary, () => store.unseal(report), "diary.lock.removed"); });
    return panel(diary, "lock", element("p", {}, diary.say("diary.lock.is")), element("div", { class: "row" }, close, away), bar);
  }
  const first = diary.passphraseField("lock-passphrase", "diary.passphrase.new", "new-password"), second = diary.passphraseField("lock-again", "diary.passphrase.again", "new-password");
  const form = element("form", {}, first, second), lock = element("button", { type: "submit", class: "lg secondary" }, diary.say("diary.lock.set"));
  form.append(element("p", { class: "small" }, diary.say("diary.lock.lost")), lock, bar);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    diary.doing(lock, async () => {
      const [passphrase, again] = [first, second].map((field) => field.querySelector("input").value);
      if (longEnough(passphrase) !== again) throw new DiaryProblem("differ");
      await sealing(diary, () => store.seal(passphrase, report), "diary.lock.done");
    });
  });
  return panel(diary, "lock", element("p", {}, diary.say("diary.lock.line")), element("details", {}, element("summary", {}, diary.say("diary.lock.set")), form));
}

/** Sealing or unsealing, which tells of itself at its end only. */
async function sealing(diary, work, key) {
  await diary.quietly(work);
  diary.tell(key);
  diary.go("own");
}

async function roomPanel(diary, spots) {
  const { usage, persisted } = await diary.store.room(), { words } = diary, photos = spots.reduce((sum, spot) => sum + spot.photos, 0);
  const megabytes = usage === null ? null : (usage / 1e6).toFixed(usage < 1e7 ? 1 : 0).replace(".", words.say("format.decimal"));
  const ask = diary.button("diary.persist.ask", async () => {
    const granted = await diary.store.persist();
    if (!ask.isConnected) return; // the visitor went on before answering the browser
    diary.tell(granted ? "diary.persist.granted" : "diary.persist.refused");
    diary.go("own");
  });
  return panel(diary, "room", element("p", {}, diary.say("diary.room.line", { spots: spots.length, photos })), ...(megabytes === null ? [] : [element("p", {}, diary.say("diary.room.used", { megabytes }))]),
    ...(persisted ? [element("p", {}, diary.say("diary.persist.granted"))] : cleared(diary)), ...(persisted ? [] : [element("p", {}, diary.say("diary.persist")), element("div", { class: "row" }, ask)]));
}

function tonePanel(diary, tone) {
  const choices = TONES.map((colour, number) => {
    const dot = element("span", { class: "tone", "aria-hidden": "true" }), input = element("input", { type: "radio", name: "tone", value: colour });
    if (colour !== "plain") dot.style.setProperty("background", colour);
    input.checked = colour === tone;
    input.addEventListener("change", () => diary.store.set("tone", colour));
    return element("label", {}, input, dot, element("span", {}, number ? diary.say("diary.tone.number", { number }) : diary.say("diary.tone.plain")));
  });
  return element("section", { class: "panel", id: "tone" }, element("fieldset", { class: "tones" }, element("legend", {}, diary.say("diary.tone")), choices));
}
