// "Keep in my spots": a photo that was scored, the spot that it shows, and what the visitor noticed. Nothing is kept before.
import { element } from "../dom.js";
import { photoCanvas } from "../overlay.js";
import { refusal } from "../result.js";
import { chooser } from "./body.js";
import { localMinute, takenOf } from "./dates.js";
import { MONTHS, SIGNS } from "./files/archive.js";
import { encoded } from "./files/metadata.js";
import { adviceOf, scoreLine, titleOf } from "./files/readable.js";
import { DiaryProblem } from "./storage/problem.js";

const THUMBNAIL = 192, SMALL_QUALITY = 0.8;

/** What a photo's answer is kept as. */
export function scoreOf(found, config) {
  const refused = found.refused ?? null;
  return { release: config.version, network: config.checkpoint_sha256.slice(0, 12), at: new Date().toISOString(), risk: refused ? null : found.risk, band: refused ? null : found.band, refused };
}

/** A square round the middle of what was scored. */
function small({ rgb, width }, found) {
  const whole = photoCanvas({ rgb }), canvas = element("canvas", { width: THUMBNAIL, height: THUMBNAIL }), scale = rgb.width / width;
  const [left, top, right, bottom] = (found?.square ?? [0, 0, width, width]).map((side) => side * scale);
  const side = Math.min(1.6 * (right - left), rgb.width, rgb.height), clip = (value, most) => Math.min(Math.max(value, 0), most);
  canvas.getContext("2d").drawImage(whole, clip((left + right - side) / 2, rgb.width - side), clip((top + bottom - side) / 2, rgb.height - side), side, side, 0, 0, THUMBNAIL, THUMBNAIL);
  return canvas;
}

const TYPE_OF = { jpeg: "image/jpeg", png: "image/png", webp: "image/webp", heif: "image/heif" };

/**
 * source: a file, or a photo of the camera. photo: its working copy, {rgb, width, height}. format: the file's. region: the
 * part that was scored, or null. Returns what `keepScreen` keeps.
 */
export async function pendingOf({ source, photo, format, region, found }, config) {
  const isFile = source instanceof Blob;
  return {
    file: isFile ? source : await encoded(photoCanvas(photo)), type: isFile ? TYPE_OF[format] : "image/jpeg",
    // What the camera gave is kept as large as the page looked at it.
    width: isFile ? photo.width : photo.rgb.width, height: isFile ? photo.height : photo.rgb.height,
    region: region && !isFile ? region.map((side) => Math.round((side * photo.rgb.width) / photo.width)) : region,
    taken: (isFile ? await takenOf(source) : null) ?? localMinute(new Date()), thumbnail: small(photo, region ? { square: region } : found), score: scoreOf(found, config),
  };
}

/** Scores a file or the camera's photo and goes to the screen that keeps it; done: as `Diary.go`. Throws DiaryProblem. */
export async function take(diary, source, spot, done = false) {
  const judged = await diary.services.judge(source, null);
  if (judged.refused) throw new DiaryProblem(judged.refused === "no_network" ? "no_network" : "unreadable");
  diary.pending = await pendingOf({ source, region: null, ...judged }, diary.config);
  diary.go(`keep/${spot}`, done);
}

export async function keepScreen(diary, id) {
  const { pending } = diary;
  if (!pending) return [diary.heading(diary.say("diary.keep")), element("p", {}, diary.say("diary.keep.nothing")), element("div", { class: "row" }, diary.link("diary.title", ""))];
  const spots = await diary.store.spots(), first = spots.every(({ photos }) => photos === 0), chosen = spots.find((spot) => spot.id === id);
  const tone = (await diary.store.setting("tone")) ?? "plain";
  const form = element("form", { class: "panel", "data-editing": "" });
  const draft = { place: null };
  const which = element("select", { id: "which-spot" }, element("option", { value: "" }, diary.say("diary.spot.new")), spots.map((spot) => element("option", { value: spot.id }, titleOf(diary.words, spot))));
  const fresh = element("div", { id: "new-spot" }, ...spotFields(diary, { spots, tone, draft }));
  which.value = chosen?.id ?? "";
  fresh.hidden = which.value !== "";
  which.addEventListener("change", () => { fresh.hidden = which.value !== ""; });
  const fields = photoFields(diary, { taken: pending.taken, signs: [], note: "" });
  const { thumbnail } = pending, advice = adviceOf(diary.words, pending.score);
  Object.entries({ role: "img", "aria-label": diary.say("interface.stage.photo_alt"), class: "kept-photo" }).forEach(([name, value]) => thumbnail.setAttribute(name, value));
  const save = element("button", { type: "submit", class: "lg primary" }, diary.say("diary.save"));
  form.append(
    element("div", { class: "kept" }, thumbnail, element("div", { class: "lines" }, element("p", {}, scoreLine(diary.words, pending.score)), advice ? element("p", { class: "advice" }, advice) : null)),
    ...(pending.score.refused ? [refusal(diary.words, pending.score.refused)] : []),
    element("label", { class: "field" }, element("span", {}, diary.say("diary.keep.which")), which), fresh, ...fields.nodes,
    ...(first ? [beforeFirst(diary)] : []),
    element("div", { class: "row" }, save, diary.button("diary.keep.not", () => { diary.pending = null; if (chosen) diary.go(`spot/${id}`, true); else diary.leave(); })));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    diary.doing(save, () => saved(diary, { spot: which.value, draft, form, fields, first }));
  });
  return [diary.heading(diary.say("diary.keep")), form];
}

async function saved(diary, { spot: chosen, draft, form, fields, first }) {
  const { pending, store } = diary;
  if (first) store.persist(); // whose answer no save waits for
  const [file, thumbnail] = await Promise.all([pending.file.arrayBuffer(), encoded(pending.thumbnail, "image/jpeg", SMALL_QUALITY).then((blob) => blob.arrayBuffer())]).catch((problem) => { throw new DiaryProblem("unreadable", problem); });
  const spot = await diary.quietly(async () => {
    // A second try after a full disk goes on with the spot that the first one made.
    draft.made ??= chosen ? null : (await store.saveSpot(spotOf(form, draft))).id;
    const id = chosen || draft.made;
    await store.addPhoto({ spot: id, type: pending.type, width: pending.width, height: pending.height, region: pending.region, scores: [pending.score], size: null, ...fields.read() }, file, thumbnail);
    return id;
  });
  diary.pending = null;
  if (first) diary.tell("diary.saved.first", {}, ["diary.export", () => diary.go("own")]);
  else diary.tell("diary.saved");
  diary.go(`spot/${spot}`, true);
}

/** When the browser clears its storage, in paragraphs; on an iPhone also what prevents it. */
export function cleared(diary) {
  // Only there does a browser say whether the page was opened from the home screen, whose pages keep a storage of their own.
  const inBrowser = navigator.standalone === false;
  return ["diary.cleared", ...(inBrowser ? ["diary.home_screen"] : [])].map((key) => element("p", {}, diary.say(key)));
}

/** What must be said before the first save. */
export function beforeFirst(diary) {
  return element("div", { class: "notice", id: "before-first" }, element("p", {}, element("strong", {}, diary.say("diary.cleared.title"))), ...cleared(diary), element("p", {}, diary.say("diary.persist")));
}

// --- fields that several screens have -------------------------------------------------------------------------------
/** Name, place and interval of a spot; draft: takes the place. */
export function spotFields(diary, { spots, tone, draft, spot = { name: "", months: 1 } }) {
  const name = element("input", { id: "spot-name", maxlength: 60, autocomplete: "off" });
  name.value = spot.name;
  const months = element("select", { id: "spot-months" }, MONTHS.map((count) => element("option", { value: count }, diary.say(`diary.months.${count}`))));
  months.value = spot.months;
  return [chooser(diary.words, { place: draft.place, others: spots.filter((other) => other.id !== spot.id), tone, onChoose: (place) => { draft.place = place; } }),
    element("label", { class: "field" }, element("span", {}, diary.say("diary.spot.name")), name),
    element("label", { class: "field" }, element("span", {}, diary.say("diary.months")), months)];
}

export function spotOf(form, draft) {
  return { name: form.querySelector("#spot-name").value.trim(), months: Number(form.querySelector("#spot-months").value), place: draft.place };
}

/** Date, signs and note of a photo; read: gives them as they stand. */
export function photoFields(diary, photo) {
  const taken = element("input", { type: "datetime-local", id: "taken", max: [localMinute(new Date()), photo.taken].sort().at(-1), required: "" }), note = element("textarea", { id: "note", rows: 3, maxlength: 2000 });
  taken.value = photo.taken;
  note.value = photo.note;
  const signs = SIGNS.map((sign) => {
    const box = element("input", { type: "checkbox", value: sign });
    box.checked = photo.signs.includes(sign);
    return element("label", { class: "sign" }, box, element("span", {}, diary.say(`diary.sign.${sign}`)));
  });
  const nodes = [element("label", { class: "field" }, element("span", {}, diary.say("diary.taken")), taken),
    element("fieldset", { class: "signs" }, element("legend", {}, diary.say("diary.signs")), signs),
    element("label", { class: "field" }, element("span", {}, diary.say("diary.note")), note)];
  const read = () => ({ taken: taken.value.slice(0, 16), signs: signs.map((label) => label.querySelector("input")).filter(({ checked }) => checked).map(({ value }) => value), note: note.value.trim() });
  return { nodes, read };
}
