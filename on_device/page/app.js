// The page: loads the network once, then turns photos into answers without asking anybody.
import { aboutSpot } from "./about_spot.js";
import { Camera } from "./camera.js";
import { PhotoStage } from "./choosing.js";
import { element } from "./dom.js";
import { followDrops } from "./dropping.js";
import { download, DownloadFailed } from "./download.js";
import { keepForOffline } from "./offline.js";
import { MySpots } from "./my_spots.js";
import { photoCanvas, why } from "./overlay.js";
import { assess, turned } from "./path/assess.js";
import { formatOf, Refused } from "./path/header.js";
import { decode, openPhoto, partOf, readPixels, readsColours } from "./path/photo.js";
import { inUnits } from "./path/reasons.js";
import * as result from "./result.js";
import { loadWords, preferredLanguage, rememberLanguage } from "./words.js";

const HERE = new URL(".", import.meta.url);
const at = (id) => document.getElementById(id);
const nextFrame = () => new Promise((done) => { requestAnimationFrame(() => setTimeout(done)); });
const json = async (name) => (await fetch(new URL(name, HERE))).json();
const COUNTDOWN = 5;

const NO_PHOTO = { source: null, whole: null, scored: null, region: null, spots: [], found: null, turned: null, refused: null };
/**
 * What the visitor sees now: the words; the photo, the part of it that was scored and the box of that part (null: all of
 * it), with what was found; a refusal's code. source: the file, or the camera's photo, that a part is taken from.
 */
const now = { words: null, ...NO_PHOTO, state: null, message: null };
const stage = new PhotoStage(score, message);
const mySpots = new MySpots({ here: HERE, config: () => config, words: () => now.words, network: () => network, release: () => release, judge, open: (file) => openPhoto(file, config.photo), canvasOf: photoCanvas });
let config, release, network, networkReady, camera, work = 0, speaking = 0;

// --- start ----------------------------------------------------------------------------------------------------------
async function start() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark", dark.matches);
  dark.addEventListener("change", follow);
  follow();
  release = await json("release.json");
  config = await json("config.json");
  for (const [code, name] of Object.entries(config.languages)) at("language").append(element("option", { value: code, lang: code }, name));
  await speak(preferredLanguage(Object.keys(config.languages)));
  at("offline-promise").hidden = !window.isSecureContext; // browsers keep nothing for pages without https
  // A link that the app put here; elsewhere there is no app to go back to.
  at("back").href = "../?tab=on_device";
  at("back").hidden = new URLSearchParams(location.search).get("from") !== "app";
  connect();
  networkReady = loadNetwork();
  await networkReady;
}

/** Puts the page into a language, with whatever stands on it. */
async function speak(language) {
  const mine = ++speaking;
  const words = await loadWords(language, HERE);
  if (mine !== speaking) return;
  now.words = words;
  document.documentElement.lang = language;
  document.documentElement.dir = now.words.direction;
  document.title = now.words.say("interface.title");
  at("language").value = language;
  for (const node of document.querySelectorAll("[data-word]")) node.textContent = now.words.say(node.dataset.word);
  for (const node of document.querySelectorAll("[data-word-label]")) node.setAttribute("aria-label", now.words.say(node.dataset.wordLabel));
  at("about-line").textContent = now.words.say("about.line", { version: config.version, hash: config.checkpoint_sha256.slice(0, 12), source: now.words.say("about.embedded") });
  const licence = config.licence_sentence;
  at("licence").textContent = licence ? now.words.say(licence.key, licence.values) : config.licence;
  Object.assign(at("licence"), licence ? { lang: language, dir: now.words.direction } : { lang: "en", dir: "ltr" });
  say(now.state);
  message(now.message);
  show();
  await mySpots.speak();
}

/** The line above the photo. state: {key, button: [key, action], progress: 0…1}, or null. */
function say(state) {
  now.state = state;
  at("state").classList.remove("starting");
  at("state").hidden = !state;
  at("state-text").textContent = state ? now.words.say(state.key) : "";
  at("progress").hidden = state?.progress === undefined;
  at("progress").value = state?.progress ?? 0;
  at("state-button").hidden = !state?.button;
  if (state?.button) {
    at("state-button").textContent = now.words.say(state.button[0]);
    at("state-button").onclick = state.button[1];
  }
  at("state").dataset.kind = state?.kind ?? "plain";
}

const again = ["device.again", () => location.reload()];

async function loadNetwork() {
  const fail = (key) => {
    for (const button of document.querySelectorAll("#sources button, #empty")) button.disabled = true;
    say({ key, kind: "failed", button: again });
  };
  if (typeof WebAssembly !== "object" || typeof DecompressionStream !== "function") return fail("device.failed.webassembly");
  const colours = await readsColours();
  if (colours === "false") return fail("device.failed.canvas");
  try {
    const parts = ["model", "locator", "wasm"].map((name) => release.downloads[name]), all = parts.reduce((sum, { packed }) => sum + packed, 0);
    let arrived = 0;
    say({ key: "device.loading", progress: 0 });
    const report = (bytes) => {
      arrived += bytes;
      at("progress").value = now.state.progress = Math.min(arrived / all, 1);
    };
    const [model, locator, wasm] = await Promise.all(parts.map((part) => download(new URL(part.file, HERE).href, part, release.version, report)));
    const { openNetwork } = await import("./network.js");
    network = await openNetwork(model, locator, wasm, new URL("onnxruntime/", HERE), config);
  } catch (problem) {
    console.error(problem);
    if (problem instanceof DownloadFailed) return fail("device.failed.download");
    const memory = problem instanceof RangeError || /memory|allocat/i.test(problem.message);
    return fail(memory ? "device.failed.memory" : "device.failed.webassembly");
  }
  Object.assign(document.documentElement.dataset, { ready: "network", threads: network.threads });
  say(colours === "noisy" ? { key: "device.noisy" } : null);
  keepForOffline({
    ready: (first) => { document.documentElement.dataset.ready = "offline"; if (first && !now.state) say({ key: "device.offline" }); },
    renewed: (use) => say({ key: "device.renewed", button: ["device.renewed.use", use] }),
  });
}

// --- a photo --------------------------------------------------------------------------------------------------------
/** Scores a file, or a photo from the camera, in place of whatever stands on the page. */
function take(source) {
  Object.assign(now, NO_PHOTO, { source });
  return score(null);
}

/** Scores a part of the photo, or all of it (null); what was asked for last wins. */
async function score(region) {
  const mine = ++work;
  stage.settle();
  message(null);
  if (now.state?.key === "device.offline") say(null); // read by now
  document.body.classList.add("looking");
  show();
  let refused = null;
  try {
    if (!network) await networkReady;
    if (!network) return;
    const { source } = now, isFile = source instanceof Blob;
    const whole = now.whole ?? (isFile ? await openPhoto(source, config.photo) : source);
    const part = region && (isFile ? await openPhoto(source, config.photo, region) : partOf(source, region, config.photo));
    const found = await assess(part ?? whole, network, config, region !== null);
    const spots = region ? now.spots : found.located ? [found.square, ...found.spots.slice(1)] : [];
    if (mine === work) Object.assign(now, { whole, spots, scored: part ?? whole, region, found, turned: null, refused: found.refused });
  } catch (problem) {
    if (!(problem instanceof Refused)) console.error(problem);
    refused = problem instanceof Refused ? problem.code : "unreadable_file"; // a folder, or a file that is gone
  } finally {
    if (mine === work) {
      document.body.classList.remove("looking");
      // A part that cannot be scored leaves the photo, and what was said of it, where they are.
      if (refused && now.found) message(`refused.${refused}`);
      else if (refused) now.refused = refused;
      show();
      if (now.found || now.refused) scrollToAnswer();
      // What was pressed may be gone, and with it the keyboard's place on the page.
      if (document.activeElement === document.body) at("answer").querySelector("h2")?.focus({ preventScroll: true });
    }
  }
  if (mine !== work || !now.found || now.refused || now.turned) return;
  await nextFrame();
  const views = now.found.turned ?? (await turned(now.found.input, network, config));
  if (mine !== work) return;
  now.turned = views;
  show();
}

function show() {
  const { words, whole, region, spots, found, refused } = now, interval = now.turned?.interval ?? null;
  if (!camera?.open) {
    at("empty").hidden = Boolean(whole);
    stage.show(words, whole, found, region, spots);
  }
  const done = found && !refused, busy = document.body.classList.contains("looking");
  at("answer").replaceChildren(busy ? element("p", { class: "busy" }, words.say("device.looking")) : refused ? result.refusal(words, refused) : found ? result.answer(words, found, config, interval, region !== null) : result.welcome(words));
  at("reasons").hidden = !done;
  if (!done) { now.drawn = null; return at("reasons").replaceChildren(); }
  if (!busy) at("answer").append(keepButton());
  const hints = busy ? null : result.problems(words, found.problems);
  if (hints) at("answer").append(hints);
  // What stands in folds keeps its state when only the turned views arrive.
  if (now.drawn?.found !== found || now.drawn.words !== words) {
    const input = result.seen(words, photoCanvas({ rgb: found.input }), found, region !== null);
    const curious = element("details", { id: "curious" }, element("summary", {}, words.say("interface.curious")), input, element("div", { id: "strength-field" }));
    const sure = element("details", { id: "sure", hidden: "" }, element("summary", {}, words.say("interface.sure")));
    const looks = found.diagnoses ? element("details", {}, element("summary", {}, words.say("interface.diagnoses")), result.diagnosisBars(words, found.diagnoses, config)) : null;
    const about = config.context ? [aboutSpot(words, found, config)] : [];
    at("reasons").replaceChildren(element("div", { id: "why" }), ...(looks ? [looks] : []), ...about, sure, curious);
    now.drawn = { found, words };
  }
  if (interval) {
    if (now.turned.reasons) {
      const { nodes, strength } = why(words, now.scored, found, now.turned.reasons, config);
      at("why").replaceChildren(...nodes);
      at("strength-field").replaceChildren(...strength);
    }
    at("sure").hidden = false;
    at("sure").replaceChildren(at("sure").firstChild, result.howSure(words, found, interval));
  }
}

/** Nothing is kept unless this is pressed. */
function keepButton() {
  const button = element("button", { type: "button", class: "lg secondary", id: "keep" }, now.words.say("diary.keep"));
  button.addEventListener("click", async () => {
    const { source, whole, region, found } = now;
    try {
      await mySpots.keep({ source, photo: whole, format: source instanceof Blob ? await formatOfFile(source) : null, region, found });
    } catch (problem) {
      console.error(problem);
      message("diary.failed");
    }
  });
  return button;
}

const formatOfFile = async (file) => formatOf(new Uint8Array(await file.slice(0, 512).arrayBuffer()));

function scrollToAnswer() {
  const answer = at("answer");
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (answer.getBoundingClientRect().bottom > innerHeight) answer.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
}

function message(key) {
  now.message = key;
  at("message").textContent = key ? now.words.say(key) : "";
}

// --- camera ---------------------------------------------------------------------------------------------------------
async function openCamera() {
  if (camera) return;
  stage.settle();
  message(null);
  // Browsers give pages without https no camera; the phone's own camera app still works.
  if (!navigator.mediaDevices?.getUserMedia) return at("native-camera").click();
  const mine = camera = new Camera(at("video"), hint, cameraEnded, config, () => network?.locate);
  try {
    await mine.start();
    if (camera !== mine) return mine.stop(); // closed, or another photo chosen, while it started
  } catch (problem) {
    if (camera !== mine) return;
    camera = null;
    return message(problem.name === "NotAllowedError" ? "interface.stage.camera_denied" : "interface.stage.camera_missing");
  }
  mine.lensButton(at("lens"), cameraEnded);
  for (const id of ["empty", "picture", "tools", "part", "sources"]) at(id).hidden = true;
  at("camera").hidden = false;
  at("shutter").focus({ preventScroll: true });
  at("camera").scrollIntoView({ block: "nearest" });
}

let lastHint = null;
function hint(code) {
  Object.assign(at("aim").dataset, { hint: code, looks: camera?.looks ?? 0 });
  if (code !== lastHint) at("aim").textContent = now.words.say(`device.aim.${code}`);
  lastHint = code;
}

function closeCamera() {
  camera?.stop();
  camera = null;
  lastHint = null;
  at("camera").hidden = true;
  at("sources").hidden = false;
  show();
}

/** The camera was unplugged, or another program took it. */
function cameraEnded() {
  closeCamera();
  message("interface.stage.camera_missing");
}

async function shoot() {
  if (!camera?.open || camera.bursting || !at("video").videoWidth) return;
  const photo = await camera.shoot();
  if (!photo) return; // closed meanwhile
  closeCamera();
  await take(photo);
}

/** Counts down aloud and in large figures, for a mole that one cannot see while pressing. */
async function countDown() {
  const mine = camera;
  let sound = null;
  try { sound = new AudioContext(); } catch { /* seen, then, but not heard */ }
  at("countdown").disabled = true;
  at("count").hidden = false;
  for (let left = COUNTDOWN; left > 0 && mine === camera && mine?.open; left--) {
    at("count").textContent = left;
    beep(sound, left === 1 ? 880 : 440);
    await new Promise((done) => setTimeout(done, 1000));
  }
  at("count").hidden = true;
  at("countdown").disabled = false;
  sound?.close();
  if (mine === camera && mine?.open) await shoot();
}

function beep(sound, pitch) {
  if (!sound) return;
  const tone = sound.createOscillator(), loudness = sound.createGain();
  tone.frequency.value = pitch;
  loudness.gain.value = 0.2;
  tone.connect(loudness).connect(sound.destination);
  tone.start();
  tone.stop(sound.currentTime + 0.12);
}

// --- the visitor's hand ---------------------------------------------------------------------------------------------
function connect() {
  const takeFirst = (files) => {
    if (!files?.length || mySpots.isAsked) return; // the answer would not be seen
    if (camera) closeCamera();
    take(files[0]);
    if (files.length > 1) message("interface.stage.first_only");
  };
  at("choose").onclick = at("empty").onclick = () => at("file").click();
  for (const id of ["file", "native-camera"]) {
    at(id).addEventListener("change", () => { takeFirst(at(id).files); at(id).value = ""; });
  }
  at("use-camera").onclick = openCamera;
  at("shutter").onclick = shoot;
  at("countdown").onclick = countDown;
  at("close-camera").onclick = closeCamera;
  at("language").addEventListener("change", () => {
    const chosen = at("language").value;
    rememberLanguage(chosen);
    speak(chosen).catch(() => { at("language").value = now.words.language; });
  });
  document.addEventListener("paste", (event) => {
    const files = event.clipboardData?.files;
    if (files?.length) { event.preventDefault(); takeFirst(files); }
  });
  followDrops(takeFirst, () => message("interface.stage.address"), at("empty"));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && camera) closeCamera(); });
  addEventListener("pagehide", () => camera && closeCamera());
  addEventListener("diary-moves", () => camera && closeCamera());
}

/** For the diary: what the page says of a file or a camera's photo. Returns {found, photo, format}, or {refused: code}. */
async function judge(source, region) {
  await networkReady;
  if (!network) return { refused: "no_network" };
  try {
    const isFile = source instanceof Blob, photo = isFile ? await openPhoto(source, config.photo) : source;
    const part = region && (isFile ? await openPhoto(source, config.photo, region) : partOf(source, region, config.photo));
    return { found: await assess(part ?? photo, network, config, region !== null), photo, format: isFile ? await formatOfFile(source) : null };
  } catch (problem) {
    if (problem instanceof Refused) return { refused: problem.code };
    throw problem;
  }
}

/**
 * What the page would say of a file, or of a region of it, without showing it; milliseconds: from the decoded picture to
 * the answer.
 */
export async function assessFile(file, region = null) {
  await networkReady;
  try {
    const bitmap = await decode(file, config.photo);
    const began = performance.now();
    const found = await assess(await readPixels(bitmap, config.photo, region), network, config, region !== null);
    return { ...found, milliseconds: performance.now() - began };
  } catch (problem) {
    if (problem instanceof Refused) return { refused: problem.code };
    throw problem;
  }
}

/** The map of a file's reasons as the page draws it, a number in -1…1 for every pixel that the network sees. */
export async function explainFile(file) {
  await networkReady;
  const { input } = await assess(await openPhoto(file, config.photo), network, config);
  return inUnits((await turned(input, network, config)).reasons, config.preprocessing.input_size, config);
}

start().catch((problem) => {
  console.error(problem);
  // No words have arrived, so what the page came with stays: that it could not start, and a button to try again.
  at("state").classList.remove("starting");
  at("state").hidden = at("state-button").hidden = false;
  at("state-button").onclick = () => location.reload();
});
