// The camera for a spot that has photos already: the last one lies faintly over the live picture, and once distance and
// turn agree a photo is taken by itself. The button takes one at any time.
import { Camera } from "../camera.js";
import { element } from "../dom.js";
import { cut } from "../pixels/picture.js";
import { agreement, essence } from "./agreement.js";
import { take } from "./keep.js";

const HELD = 4; // looks in a row that agree
const MORE_PRESSING = ["loading", "too_dark", "too_bright", "glare"];

export async function cameraScreen(diary, id) {
  const { store, services } = diary, spot = await store.spot(id), words = diary.words;
  const video = element("video", { playsinline: "", muted: "", autoplay: "" }), ghost = spot.last ? await ghostOf(diary, spot.last.id) : null;
  video.muted = true;
  const aim = element("p", { class: "aim", role: "status", "aria-live": "polite" }), heading = diary.heading(diary.say("diary.photo.add"));
  const view = element("div", { class: "stage-view ghost-view" }, video, ...(ghost ? [ghost.canvas] : [element("div", { class: "stage-guide" })]), aim);
  if (!navigator.mediaDevices?.getUserMedia) return [heading, element("p", { class: "warning", role: "alert" }, words.say("interface.stage.camera_missing"))];
  let held = 0, taken = false, said = null;
  const hint = (code, rgb) => {
    let key = `device.aim.${code}`;
    if (ghost && !MORE_PRESSING.includes(code)) {
      const found = agreement(essence(rgb), ghost.essence);
      const agrees = found.code === "agrees", lost = found.code === "lost";
      key = (agrees && code === "still") || (lost && code === "no_skin") ? `device.aim.${code}` : `diary.ghost.${found.code}`;
      held = key === "diary.ghost.agrees" ? held + 1 : 0;
      view.dataset.agreement = found.code;
    }
    if (key !== said) aim.textContent = words.say(key);
    said = key;
    if (held >= HELD) shoot().catch(ended);
  };
  const ended = (problem) => {
    camera.stop();
    view.replaceWith(problem ? diary.warning(problem) : element("p", { class: "warning", role: "alert" }, words.say("interface.stage.camera_missing")));
  };
  const camera = new Camera(video, hint, ended, diary.config, () => services.network()?.locate);
  async function shoot() {
    if (taken || !camera.open || !video.videoWidth) return;
    taken = true;
    const source = await camera.shoot();
    if (!source) return;
    camera.stop();
    aim.textContent = words.say("device.looking");
    await take(diary, source, id, true);
  }
  diary.onLeave(() => camera.stop());
  const shutter = diary.button("interface.stage.shutter", () => shoot().catch(ended), "primary"), lens = diary.button("interface.stage.other_camera"), nodes = [heading, ...(ghost ? [element("p", {}, diary.say("diary.ghost.line"))] : []), element("div", { class: "stage-camera", "data-editing": "" }, view, element("div", { class: "row" }, shutter, lens, diary.link("interface.stage.close", `spot/${id}`)))];
  if (ghost) {
    const strength = element("input", { type: "range", min: 0, max: 80, value: 40, id: "ghost-strength" });
    strength.addEventListener("input", () => ghost.canvas.style.setProperty("opacity", strength.value / 100));
    nodes.at(-1).append(element("label", { class: "field" }, element("span", {}, diary.say("diary.ghost.strength")), strength));
  }
  lens.hidden = true;
  camera.start().then(() => camera.lensButton(lens, () => ended())).catch((problem) => {
    view.replaceWith(element("p", { class: "warning", role: "alert" }, words.say(problem.name === "NotAllowedError" ? "interface.stage.camera_denied" : "interface.stage.camera_missing")));
  });
  return nodes;
}

/** The last photo's middle square, as it lies over the picture, and what it is compared by. */
async function ghostOf(diary, photo) {
  const opened = await diary.services.open(await diary.store.picture(await diary.store.photo(photo))).catch(() => null);
  if (!opened) return null; // a format that this browser does not open
  const { width, height } = opened.rgb, side = Math.min(width, height), left = (width - side) >> 1, top = (height - side) >> 1;
  const square = cut(opened.rgb, [left, top, left + side, top + side]), canvas = diary.services.canvasOf({ rgb: square });
  canvas.classList.add("ghost");
  canvas.setAttribute("aria-hidden", "true");
  return { canvas, essence: essence(square) };
}
