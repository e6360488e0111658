// One spot: its photos by date with what was noticed, its place and its interval; and the form that makes or changes it.
import { element } from "../dom.js";
import { nameOf } from "./body.js";
import { curves } from "./curve.js";
import { dateOf, dueDay, isDue } from "./dates.js";
import { calendar } from "./files/calendar.js";
import { adviceOf, scoreLine, signsOf, titleOf } from "./files/readable.js";
import { beforeFirst, photoFields, spotFields, spotOf, take } from "./keep.js";
import { thumbnails } from "./list.js";
import { scoredHere } from "./scores.js";

const LARGE = 420; // CSS pixels of a photo that was opened

export async function spotScreen(diary, id) {
  const { store, words } = diary, spot = await store.spot(id), photos = await store.photosOf(id), day = dueDay(spot);
  const file = element("input", { type: "file", id: "spot-file", accept: "image/*,.heic,.heif", hidden: "", "aria-hidden": "true", tabindex: -1 });
  const choose = diary.button("interface.upload", () => file.click());
  file.addEventListener("change", () => {
    const [chosen] = file.files;
    file.value = "";
    if (chosen) diary.doing(choose, () => take(diary, chosen, id));
  });
  const due = element("span", { class: isDue(spot) ? "due-mark" : "small" }, !day ? diary.say("diary.months.0") : isDue(spot) ? diary.say("diary.due.mark") : diary.say("diary.due.next", { date: dateOf(words, day) }));
  const last = answered(photos)?.scores.at(-1), advice = adviceOf(words, last);
  const now = advice ? [element("p", { class: "advice" }, `${words.say(`band.${last.band}`)}. ${advice}`)] : [];
  const head = [diary.heading(titleOf(words, spot)), element("p", {}, nameOf(words, spot.place)), ...now, element("p", {}, due)];
  const camera = diary.link("interface.camera", `camera/${id}`, "primary"), again = scoredHere(diary, photos);
  const buttons = [...(photos.length > 1 ? [diary.link("diary.change", `change/${id}`)] : []),
    ...(day ? [diary.button("diary.reminder", () => diary.save(new Blob([calendar(words, spot)], { type: "text/calendar" }), `self-skin-check-${spot.number}.ics`))] : []), diary.link("diary.spot.edit", `place/${id}`)];
  return [...head, element("h3", {}, diary.say("diary.photo.add")), element("div", { class: "row" }, camera, choose, file), element("div", { class: "row" }, buttons),
    ...(again ? [again] : []), ...curves(diary, photos), ...photosByDate(diary, photos), element("p", { class: "notice" }, diary.say("notice.screening")),
    element("div", { class: "row" }, diary.button("diary.forget.spot", async () => {
      if (!(await diary.ask("diary.forget.spot.question", "diary.forget.yes", { spot: titleOf(words, spot) }))) return;
      await diary.quietly(() => store.forgetSpot(id));
      diary.tell("diary.forgotten.spot");
      diary.go("", true);
    }))];
}

/** The latest photo with an answer, which a later one without does not take back. photos: the oldest first. */
function answered(photos) { return photos.findLast((photo) => photo.scores.at(-1)?.band); }

function photosByDate(diary, photos) {
  if (!photos.length) return [element("p", {}, diary.say("diary.spot.empty"))];
  const seen = thumbnails(diary), last = answered(photos);
  return [element("ol", { class: "photos" }, photos.toReversed().map((photo) => photoItem(diary, photo, seen, photo === last)))];
}

/** One photo; advised: whether the advice stands beside its answer. */
function photoItem(diary, photo, seen, advised) {
  const { words } = diary, picture = element("img", { alt: "", width: 96, height: 96, hidden: "" }), date = dateOf(words, photo.taken);
  seen(picture, photo.id);
  const newest = photo.scores.at(-1), older = photo.scores.slice(0, -1), advice = advised ? adviceOf(words, newest) : null;
  const lines = [element("strong", {}, date), element("span", { class: "score" }, scoreLine(words, newest)),
    ...(advice ? [element("span", { class: "advice" }, advice)] : []),
    ...older.map((score) => element("span", { class: "small score older" }, diary.say("diary.score.before", { score: scoreLine(words, score) }))),
    ...(photo.signs.length ? [element("span", {}, signsOf(words, photo))] : []),
    ...(photo.note ? [element("span", { class: "note", dir: "auto" }, photo.note)] : [])];
  const more = element("details", {}, element("summary", {}, diary.say("diary.photo.open")));
  more.addEventListener("toggle", async () => {
    if (!more.open || more.children.length > 1) return;
    const form = element("form", {}), fields = photoFields(diary, photo), save = element("button", { type: "submit", class: "lg primary" }, diary.say("diary.save"));
    form.addEventListener("input", () => { form.dataset.editing = ""; });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      diary.doing(save, async () => {
        await diary.quietly(() => diary.store.changePhoto(photo.id, fields.read()));
        delete form.dataset.editing;
        more.open = false;
        await diary.show(false, true);
        diary.host.querySelector(`[data-photo="${photo.id}"] summary`)?.focus();
      });
    });
    const forget = diary.button("diary.forget.photo", async () => {
      if (!(await diary.ask("diary.forget.photo.question", "diary.forget.yes", { date }))) return;
      await diary.quietly(() => diary.store.forgetPhoto(photo.id));
      delete form.dataset.editing;
      await diary.show(false, true);
      diary.host.querySelector("h2")?.focus();
    });
    form.append(...fields.nodes, element("div", { class: "row" }, save, forget));
    const large = element("div", { class: "large" });
    more.append(large, form);
    large.append(await largePhoto(diary, photo, date));
  });
  return element("li", { "data-photo": photo.id }, element("div", { class: "photo-head" }, element("span", { class: "thumbnail" }, picture), element("span", { class: "lines" }, lines)), more);
}

/** A photo as it was taken; a sentence where this browser cannot show its format. */
export async function largePhoto(diary, photo, date, side = LARGE) {
  const picture = element("img", { alt: diary.say("diary.photo.alt", { date }), class: "whole-photo", src: diary.address(await diary.store.picture(photo)) });
  picture.style.setProperty("max-height", `${side}px`);
  picture.addEventListener("error", () => picture.replaceWith(element("p", {}, diary.say("refused.heic_unreadable"))));
  return picture;
}

/** A new spot, or another name, place and interval for one. */
export async function placeScreen(diary, id = null) {
  const { store } = diary, spots = await store.spots(), tone = (await store.setting("tone")) ?? "plain";
  const spot = id ? await store.spot(id) : { name: "", months: 1, place: null }, draft = { place: spot.place };
  const save = element("button", { type: "submit", class: "lg primary" }, diary.say("diary.save"));
  const form = element("form", { class: "panel", "data-editing": "" }, ...spotFields(diary, { spots, tone, draft, spot }), element("div", { class: "row" }, save));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    diary.doing(save, async () => {
      if (!spots.length) store.persist(); // whose answer no save waits for
      const saved = await diary.quietly(() => store.saveSpot({ ...(id ? { id } : {}), ...spotOf(form, draft) }));
      diary.go(`spot/${saved.id}`, true);
    });
  });
  const first = spots.length ? [] : [beforeFirst(diary)];
  return [diary.heading(diary.say(id ? "diary.spot.edit" : "diary.spot.add")), ...first, form];
}
