// The page: loads the network once, then turns photos into answers without asking anybody.
import { Camera } from "./camera.js";
import { element } from "./dom.js";
import { download, DownloadFailed } from "./download.js";
import { keepForOffline } from "./offline.js";
import { comparison, photoCanvas } from "./overlay.js";
import { assess, spread } from "./path/assess.js";
import { Refused } from "./path/header.js";
import { decode, openPhoto, pixelsOf, readsTrueColours } from "./path/photo.js";
import * as result from "./result.js";
import { loadWords, preferredLanguage, rememberLanguage } from "./words.js";

const HERE = new URL(".", import.meta.url);
const at = (id) => document.getElementById(id);
const nextFrame = () => new Promise((done) => { requestAnimationFrame(() => setTimeout(done)); });
const json = async (name) => (await fetch(new URL(name, HERE))).json();
const COUNTDOWN = 5;

/** What the visitor sees now: the words, the photo with what was found in it, or a refusal's code. */
const now = { words: null, photo: null, found: null, interval: null, refused: null, state: null };
let config, network, networkReady, camera, work = 0, speaking = 0;

// --- start ----------------------------------------------------------------------------------------------------------
async function start() {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => document.documentElement.classList.toggle("dark", dark.matches);
  dark.addEventListener("change", follow);
  follow();
  const release = await json("release.json");
  config = await json("config.json");
  for (const [code, name] of Object.entries(config.languages)) at("language").append(element("option", { value: code, lang: code }, name));
  await speak(preferredLanguage(Object.keys(config.languages)));
  at("offline-promise").hidden = !window.isSecureContext; // browsers keep nothing for pages without https
  connect();
  networkReady = loadNetwork(release);
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
  at("licence").textContent = config.licence;
  say(now.state);
  show();
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

async function loadNetwork(release) {
  const fail = (key) => {
    for (const button of document.querySelectorAll("#sources button, #empty")) button.disabled = true;
    say({ key, kind: "failed", button: again });
  };
  if (typeof WebAssembly !== "object" || typeof DecompressionStream !== "function") return fail("device.failed.webassembly");
  if (!readsTrueColours()) return fail("device.failed.canvas");
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
  say(null);
  keepForOffline({
    ready: (first) => { document.documentElement.dataset.ready = "offline"; if (first && !now.state) say({ key: "device.offline" }); },
    renewed: (use) => say({ key: "device.renewed", button: ["device.renewed.use", use] }),
  });
}

// --- a photo --------------------------------------------------------------------------------------------------------
/** Scores a file, or a photo that is open already; the last one asked for wins. */
async function score(source) {
  const mine = ++work;
  message(null);
  if (now.state?.key === "device.offline") say(null); // read by now
  Object.assign(now, { found: null, interval: null, refused: null, photo: null });
  document.body.classList.add("looking");
  show();
  try {
    if (!network) await networkReady;
    if (!network) return;
    const photo = source instanceof Blob ? await openPhoto(source, config.photo) : source;
    const found = await assess(photo, network, config);
    if (mine !== work) return;
    if (found.refused) now.refused = found.refused;
    else Object.assign(now, { photo, found });
    now.last = found;
  } catch (problem) {
    if (!(problem instanceof Refused)) console.error(problem);
    if (mine !== work) return;
    now.refused = problem instanceof Refused ? problem.code : "unreadable_file"; // a folder, or a file that is gone
    now.last = { refused: now.refused };
  } finally {
    if (mine === work) {
      document.body.classList.remove("looking");
      show();
      if (now.found || now.refused) scrollToAnswer();
    }
  }
  if (mine !== work || !now.found) return;
  await nextFrame();
  const interval = await spread(now.found.input, network, config);
  if (mine !== work) return;
  now.interval = interval;
  show();
}

function show() {
  const { words, photo, found, refused, interval } = now;
  if (!camera?.open) {
    at("empty").hidden = Boolean(photo);
    at("picture").hidden = !photo;
  }
  const busy = document.body.classList.contains("looking");
  at("answer").replaceChildren(busy ? element("p", { class: "busy" }, words.say("device.looking")) : refused ? result.refusal(words, refused) : found ? result.answer(words, found, config, interval) : result.welcome(words));
  at("reasons").hidden = !found;
  if (!found) { now.drawn = null; return at("reasons").replaceChildren(); }
  const hints = result.problems(words, found.problems);
  if (hints) at("answer").append(hints);
  drawPhoto(photo, found);
  // The comparison keeps its sliders when only the interval arrives.
  if (now.drawn?.found !== found || now.drawn.words !== words) {
    const side = config.preprocessing.input_size;
    const why = found.cam ? [element("h3", {}, words.say("interface.why")), element("p", {}, words.say("interface.why.line")), comparison(words, photo, found, side)] : [];
    const input = photoCanvas({ rgb: found.input });
    const sure = element("details", { id: "sure", hidden: "" }, element("summary", {}, words.say("interface.sure")));
    const looks = found.diagnoses ? element("details", { open: "" }, element("summary", {}, words.say("interface.diagnoses")), result.diagnosisBars(words, found.diagnoses, config)) : null;
    at("reasons").replaceChildren(...why, result.seen(words, input, found.border), ...(looks ? [looks] : []), sure);
    now.drawn = { found, words };
  }
  if (interval) {
    at("sure").hidden = false;
    at("sure").replaceChildren(at("sure").firstChild, result.howSure(words, found, interval));
  }
}

function drawPhoto(photo, found) {
  if (at("photo").photo !== photo) {
    const drawn = photoCanvas(photo);
    Object.assign(at("photo"), { width: drawn.width, height: drawn.height, photo });
    at("photo").getContext("2d").drawImage(drawn, 0, 0);
  }
  const [left, top, right, bottom] = found.square;
  const percent = (value, of) => `${(100 * value) / of}%`;
  const box = { left: percent(left, photo.width), top: percent(top, photo.height), width: percent(right - left, photo.width), height: percent(bottom - top, photo.height) };
  for (const [name, value] of Object.entries(box)) at("scored").style.setProperty(name, value);
}

function scrollToAnswer() {
  const answer = at("answer");
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (answer.getBoundingClientRect().bottom > innerHeight) answer.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
}

function message(key) { at("message").textContent = key ? now.words.say(key) : ""; }

// --- camera ---------------------------------------------------------------------------------------------------------
async function openCamera() {
  if (camera) return;
  message(null);
  // Browsers give pages without https no camera; the phone's own camera app still works.
  if (!navigator.mediaDevices?.getUserMedia) return at("native-camera").click();
  const mine = camera = new Camera(at("video"), hint, cameraEnded, config.photo);
  try {
    await mine.start();
    if (camera !== mine) return mine.stop(); // closed, or another photo chosen, while it started
  } catch (problem) {
    if (camera !== mine) return;
    camera = null;
    return message(problem.name === "NotAllowedError" ? "interface.stage.camera_denied" : "interface.stage.camera_missing");
  }
  for (const id of ["empty", "picture", "sources"]) at(id).hidden = true;
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
  await score(photo);
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
  const take = (file) => {
    if (!file) return;
    if (camera) closeCamera();
    score(file);
  };
  at("choose").onclick = at("empty").onclick = () => at("file").click();
  for (const id of ["file", "native-camera"]) {
    at(id).addEventListener("change", () => { take(at(id).files[0]); at(id).value = ""; });
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
    const file = event.clipboardData?.files[0];
    if (file) { event.preventDefault(); take(file); }
  });
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => { event.preventDefault(); at("empty").classList.add("over"); });
  }
  document.addEventListener("dragleave", () => at("empty").classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    at("empty").classList.remove("over");
    take(event.dataTransfer?.files[0]);
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && camera) closeCamera(); });
  addEventListener("pagehide", () => camera && closeCamera());
}

/** What the page would say of a file, without showing it; milliseconds: from the decoded picture to the answer. */
export async function assessFile(file) {
  await networkReady;
  try {
    const bitmap = await decode(file, config.photo);
    const began = performance.now();
    const found = await assess(pixelsOf(bitmap, config.photo), network, config);
    return { ...found, milliseconds: performance.now() - began };
  } catch (problem) {
    if (problem instanceof Refused) return { refused: problem.code };
    throw problem;
  }
}

start().catch((problem) => {
  console.error(problem);
  // No words have arrived, so what the page came with stays: that it could not start, and a button to try again.
  at("state").classList.remove("starting");
  at("state").hidden = at("state-button").hidden = false;
  at("state-button").onclick = () => location.reload();
});
