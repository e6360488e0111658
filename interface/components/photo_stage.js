// The stage: shows the photo, takes one by camera, paste or drop, and lets a box be drawn on it.
// Gradio calls this once with `element`, `trigger`, `props` and `watch`. Every photo, wherever it comes from, goes
// through the upload button's file input, so that there is one way into the server.
const part = (name) => element.querySelector(".stage-" + name);
const texts = props.texts;
const image = element.querySelector(".stage-picture img");
const video = element.querySelector("video");
const uploadInput = () => document.querySelector(`#${props.sources} input[type=file]`);
let stream = null, opened = 0;
let lens = null; // the one that the visitor chose, for the next photo too
// How many of several photos at once were left out: the stage takes the first.
let left = 0, handing = false;

function say(text) { part("message").textContent = text || ""; }

// Says so in place of an answer: that to the photo before must not stand beside one that was not taken.
function refuse() { left = 0; say(""); trigger("too_large"); }

function put(file, input) {
  const transfer = new DataTransfer();
  transfer.items.add(file);
  input.files = transfer.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
}

// What is told of the others, until the next photo comes.
const leftOut = () => [left && texts.first_only, left && props.value?.scored && texts.first_only_more].filter(Boolean).join(" ");

function handOver(file, others = 0) {
  if (!file) return;
  left = others;
  if (file.size > props.max_bytes) { refuse(); return; }
  say(leftOut());
  handing = true;
  put(file, uploadInput());
  handing = false;
}

// Gradio answers an upload that is too large in its own words, so it is stopped before it is sent.
window.addEventListener("change", (event) => {
  const input = uploadInput();
  if (event.target !== input || !input.files.length) return;
  if (input.files[0].size > props.max_bytes) {
    event.stopImmediatePropagation();
    input.value = "";
    refuse();
  } else { if (!handing) left = 0; say(leftOut()); closeCamera(); }
}, true);

// Phones offer their photo library and camera for image/*; the server decides what it can read.
const offerImages = () => uploadInput()?.setAttribute("accept", "image/*,.heic,.heif");
offerImages();
document.addEventListener("pointerdown", offerImages, true);
document.addEventListener("keydown", offerImages, true);

// --- paste and drop -------------------------------------------------------------------------------------------------
// uploads.js catches what is pasted or dropped anywhere on the page and says which stage takes it; a picture from
// another page brings only its address.
for (const kind of ["dragenter", "dragover"]) {
  element.addEventListener(kind, () => part("empty").classList.add("over"));
}
element.addEventListener("dragleave", () => part("empty").classList.remove("over"));
element.addEventListener("photo-arrived", ({ detail: files }) => {
  part("empty").classList.remove("over");
  if (files.length) { closeCamera(); handOver(files[0], files.length - 1); } else say(texts.address);
});
part("empty").addEventListener("click", () => uploadInput()?.click());

// --- camera ---------------------------------------------------------------------------------------------------------
function stopCamera() {
  opened++;
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  video.srcObject = null;
}

function closeCamera() {
  stopCamera();
  part("camera").hidden = true;
  show();
}

async function openCamera() {
  say("");
  // Browsers give pages without https no camera; the phone's own camera app still works.
  if (!navigator.mediaDevices?.getUserMedia) { part("native").click(); return; }
  const mine = ++opened, which = lens ? { deviceId: { exact: lens } } : { facingMode: { ideal: "environment" } };
  try {
    const begun = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { ...which, width: { ideal: 3840 }, height: { ideal: 2160 } },
    });
    if (mine !== opened) { begun.getTracks().forEach((track) => track.stop()); return; } // closed meanwhile
    stream = begun;
  } catch (problem) {
    if (mine !== opened) return;
    if (lens && problem.name !== "NotAllowedError") { lens = null; openCamera(); return; } // it is gone, or taken
    closeCamera();
    say(problem.name === "NotAllowedError" ? texts.camera_denied : texts.camera_missing);
    return;
  }
  video.srcObject = stream;
  lenses().then((all) => { part("lens").hidden = all.length < 2; });
  for (const name of ["empty", "picture", "tools"]) part(name).hidden = true;
  part("camera").hidden = false;
  part("shutter").focus({ preventScroll: true });
  element.scrollIntoView({ block: "start" });
}

async function lenses() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter(({ kind }) => kind === "videoinput").map(({ deviceId }) => deviceId);
}

// Of several lenses browsers often open the wide one, which is not sharp so near (mozmorris/react-webcam issue 365).
async function otherLens() {
  const all = await lenses(), here = stream?.getVideoTracks()[0].getSettings().deviceId;
  if (!here) return;
  lens = all[(all.indexOf(here) + 1) % all.length];
  stopCamera(); // some phones open a lens only once the other is closed
  openCamera();
}

function takePhoto() {
  if (!video.videoWidth) return;
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob((blob) => {
    closeCamera();
    handOver(new File([blob], "camera.jpg", { type: "image/jpeg" }));
  }, "image/jpeg", 0.95);
}

window.addEventListener(props.camera, openCamera);
window.addEventListener("pagehide", () => stream && closeCamera());
part("shutter").addEventListener("click", takePhoto);
part("lens").addEventListener("click", otherLens);
part("close").addEventListener("click", closeCamera);
part("native").addEventListener("change", () => handOver(part("native").files[0]));

// --- the photo and the box on it ------------------------------------------------------------------------------------
function place(node, box) {
  node.hidden = !box;
  if (!box) return;
  const [left, top, right, bottom] = box.map((share) => share * 100);
  Object.assign(node.style, {
    left: left + "%", top: top + "%", width: right - left + "%", height: bottom - top + "%",
  });
  // Where its label has room inside the photo without covering the spot.
  node.classList.toggle("at-foot", bottom > 90);
  node.classList.toggle("at-right", left > 50);
}

function show() {
  const value = props.value;
  element.querySelector(".stage").classList.toggle("filled", Boolean(value));
  if (stream) return;
  part("empty").hidden = Boolean(value);
  part("picture").hidden = part("tools").hidden = !value;
  if (!value) return;
  if (image.getAttribute("src") !== value.src) image.src = value.src;
  place(part("scored"), value.scored);
  place(part("box"), null);
  part("others").replaceChildren(...(value.others || []).map(otherSpot));
  part("whole").hidden = !value.region;
}

function otherSpot(box) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "stage-other", title: texts.other_spot });
  button.setAttribute("aria-label", texts.other_spot);
  place(button, box);
  button.addEventListener("click", () => { focusNext = "whole"; trigger("box", { box }); });
  return button;
}
watch("value", () => { choosing(false); show(); });
show();

// While a photo is looked at the page hides it, and with it the button that had the focus: its place takes that over.
let focusNext = null;
new MutationObserver(() => {
  if (!focusNext || document.body.classList.contains("looking")) return;
  part(part(focusNext).hidden ? "choose" : focusNext).focus({ preventScroll: true });
  focusNext = null;
}).observe(document.body, { attributeFilter: ["class"] });

// The sliders' square, as `square_around` counts it: centre and side in per cent, the side in the shorter side, moved
// inside the photo where it would stick out. Drawn here, for it must follow the slider at once.
window.addEventListener("draw-square", (event) => {
  const { naturalWidth: width, naturalHeight: height } = image;
  if (!props.value || !width || !element.offsetParent) return;
  const [x, y, size] = event.detail.map(Number);
  const side = Math.min(width, height) * size / 100;
  const left = Math.min(Math.max(width * x / 100 - side / 2, 0), width - side);
  const top = Math.min(Math.max(height * y / 100 - side / 2, 0), height - side);
  place(part("box"), [left / width, top / height, (left + side) / width, (top + side) / height]);
});

function choosing(on) {
  part("choose").setAttribute("aria-pressed", String(on));
  part("picture").classList.toggle("choosing", on);
  say(on ? texts.drag : leftOut());
}
part("choose").addEventListener("click", () => choosing(part("choose").getAttribute("aria-pressed") !== "true"));
part("whole").addEventListener("click", () => { focusNext = "choose"; trigger("whole"); });
element.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  choosing(false);
  if (stream) closeCamera();
});

// The network looks at a square, so the box is one. A finger must be free to scroll, so it draws only after "choose".
let start = null;
let box = null;
const at = (event) => {
  const frame = image.getBoundingClientRect();
  const clamp = (value, most) => Math.min(Math.max(value, 0), most);
  return [clamp(event.clientX - frame.left, frame.width), clamp(event.clientY - frame.top, frame.height), frame];
};
part("picture").addEventListener("pointerdown", (event) => {
  const chosen = part("picture").classList.contains("choosing");
  if (event.target.classList.contains("stage-other") && !chosen) return;
  if (event.button !== 0 || (event.pointerType === "touch" && !chosen)) return;
  event.preventDefault();
  part("picture").setPointerCapture(event.pointerId);
  start = at(event);
});
part("picture").addEventListener("pointermove", (event) => {
  if (!start) return;
  const [x, y, frame] = at(event);
  const [x0, y0] = start;
  const rightwards = x >= x0, downwards = y >= y0;
  const side = Math.min(
    Math.max(Math.abs(x - x0), Math.abs(y - y0)),
    rightwards ? frame.width - x0 : x0,
    downwards ? frame.height - y0 : y0,
  );
  const left = rightwards ? x0 : x0 - side, top = downwards ? y0 : y0 - side;
  box = [left / frame.width, top / frame.height, (left + side) / frame.width, (top + side) / frame.height];
  place(part("box"), box);
});
for (const kind of ["pointerup", "pointercancel"]) {
  part("picture").addEventListener(kind, () => {
    const drawn = kind === "pointerup" && box && box[2] - box[0] > 0.02;
    if (start && drawn) { choosing(false); trigger("box", { box }); } else if (start) place(part("box"), null);
    start = box = null;
  });
}

// --- the Check tab's photo follows into another language ---------------------------------------------------------------
if (element.closest("#photo-stage")) {
  const moreInput = () => document.querySelector("#next-actions input[type=file]");
  // What the visitor gave, to take along to the page in another language.
  const given = { files: [], example: null };
  window.selfSkinCheck.photo = () => (props.value && (given.files.length || given.example !== null) ? { ...given, box: props.value.region } : null);
  document.addEventListener("change", (event) => {
    const files = [...(event.target.files || [])];
    if (!files.length) return;
    if (event.target === uploadInput()) Object.assign(given, { files, example: null });
    else if (event.target === moreInput()) given.files.push(...files);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("#examples button");
    if (!button) return;
    left = 0;
    Object.assign(given, { files: [], example: [...document.querySelectorAll("#examples button")].indexOf(button) });
  });

  const until = async (there) => { while (!there()) await new Promise((done) => setTimeout(done, 50)); };

  // From the page in another language: one after the other, as the visitor did.
  async function takeUp({ files, example, box }) {
    // An event, for the card says nothing of it: Gradio changes its words in place, and a photo that was not taken none.
    const answered = (ask) => new Promise((done) => { window.addEventListener("photo-answered", done, { once: true }); ask(); });
    await until(() => document.querySelector("#answer section") && uploadInput() && document.querySelector("#examples button"));
    const [first, ...further] = files;
    await answered(() => (example === null ? handOver(first) : document.querySelectorAll("#examples button")[example].click()));
    if (box) await answered(() => trigger("box", { box }));
    for (const file of further) {
      await until(moreInput);
      await answered(() => put(file, moreInput()));
    }
  }
  window.selfSkinCheck.photoFollows.arrived.then((photo) => photo && takeUp(photo));
}
