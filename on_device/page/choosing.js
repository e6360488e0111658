// The photo on the page: what of it was scored, and how a visitor chooses another part: a box drawn on it, a tap on
// another spot, or sliders. interface/components/photo_stage.js does the same for the app.
import { element } from "./dom.js";
import { photoCanvas } from "./overlay.js";
import { roundToEven } from "./pixels/picture.js";

const LEAST_SHARE = 0.02; // of the photo's width: a smaller box is a slip of the hand
const at = (id) => document.getElementById(id);

export class PhotoStage {
  /**
   * onPart: called with the chosen box in full-size pixels, or null for the whole photo. say: called with the key of the
   * sentence to show below the photo, or null.
   */
  constructor(onPart, say) {
    Object.assign(this, { onPart, say, photo: null, choosing: false, found: null, words: null, focusNext: null });
    at("choose-part").onclick = () => this.choose(!this.choosing);
    at("whole").onclick = () => { this.focusNext = "choose-part"; onPart(null); };
    at("photo-stage").addEventListener("keydown", (event) => { if (event.key === "Escape") this.choose(false); });
    this.followPointer();
    this.followSliders();
  }

  /**
   * photo: a photo, or null. found: the assessment of it or of `region`, its chosen part in full-size pixels, if any.
   * spots: squares round all spots that were found in the photo.
   */
  show(words, photo, found, region, spots) {
    for (const id of ["picture", "tools", "part"]) at(id).hidden = !photo;
    if (!photo) return;
    if (this.photo !== photo) this.draw(photo);
    const moved = ([left, top, right, bottom], [x, y]) => [left + x, top + y, right + x, bottom + y];
    const scored = moved(found.square, region ?? [0, 0]);
    place(at("scored"), found.refused ? null : this.shares(scored));
    at("whole").hidden = !region;
    if (this.found !== found || this.words !== words) {
      Object.assign(this, { found, words });
      const others = spots.filter((box) => overlap(box, scored) < 0.5);
      at("others").replaceChildren(...others.map((box) => this.otherSpot(box, words)));
    }
    if (this.focusNext && !document.body.classList.contains("looking")) {
      at(at(this.focusNext).hidden ? "choose-part" : this.focusNext).focus({ preventScroll: true });
      this.focusNext = null;
    }
  }

  /** The choice is made, or void: nothing is drawn on the photo any longer. */
  settle() {
    this.choose(false);
    place(at("box"), null);
  }

  choose(on) {
    if (on === this.choosing) return;
    this.choosing = on;
    at("choose-part").setAttribute("aria-pressed", String(on));
    at("picture").classList.toggle("choosing", on);
    this.say(on ? "interface.stage.drag" : null);
  }

  draw(photo) {
    const drawn = photoCanvas(photo);
    Object.assign(at("photo"), { width: drawn.width, height: drawn.height });
    at("photo").getContext("2d").drawImage(drawn, 0, 0);
    this.photo = photo;
  }

  shares([left, top, right, bottom]) {
    const { width, height } = this.photo;
    return [left / width, top / height, right / width, bottom / height];
  }

  /** A box in shares (0…1) of the photo, to be scored. */
  choosePart([left, top, right, bottom]) {
    const { width, height } = this.photo;
    this.onPart([left * width, top * height, right * width, bottom * height].map(roundToEven));
  }

  otherSpot(box, words) {
    const label = words.say("interface.stage.other_spot");
    const button = element("button", { type: "button", class: "stage-other", title: label, "aria-label": label });
    place(button, this.shares(box));
    // While a photo is looked at the page hides it, and with it the button that had the focus.
    button.addEventListener("click", () => { this.focusNext = "whole"; this.onPart(box); });
    return button;
  }

  // The network looks at a square, so the box is one. A finger must be free to scroll, so it draws only after "choose".
  followPointer() {
    const picture = at("picture"), clamp = (value, most) => Math.min(Math.max(value, 0), most);
    const within = ({ clientX, clientY }) => {
      const frame = at("photo").getBoundingClientRect();
      return [clamp(clientX - frame.left, frame.width), clamp(clientY - frame.top, frame.height), frame];
    };
    let start = null, box = null;
    picture.addEventListener("pointerdown", (event) => {
      if (event.target.classList.contains("stage-other") && !this.choosing) return;
      if (event.button !== 0 || (event.pointerType === "touch" && !this.choosing)) return;
      event.preventDefault();
      picture.setPointerCapture(event.pointerId);
      start = within(event);
    });
    picture.addEventListener("pointermove", (event) => {
      if (!start) return;
      box = squareBetween(start, within(event));
      place(at("box"), box);
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      picture.addEventListener(kind, () => {
        const drawn = kind === "pointerup" && start && box && box[2] - box[0] > LEAST_SHARE ? box : null;
        if (start && !drawn) place(at("box"), null);
        start = box = null;
        if (drawn) this.choosePart(drawn);
      });
    }
  }

  // For the keyboard, which cannot drag.
  followSliders() {
    const sliders = ["part-across", "part-down", "part-size"].map(at);
    const square = () => {
      const { width, height } = this.photo, [x, y, size] = sliders.map(({ value }) => value / 100);
      const side = Math.min(width, height) * size;
      const left = Math.min(Math.max(width * x - side / 2, 0), width - side);
      const top = Math.min(Math.max(height * y - side / 2, 0), height - side);
      return this.shares([left, top, left + side, top + side]);
    };
    for (const slider of sliders) slider.addEventListener("input", () => place(at("box"), square()));
    at("score-part").onclick = () => this.choosePart(square());
  }
}

/** The square from one place to another as far as it lies on the photo, in shares of it. */
function squareBetween([x0, y0], [x, y, { width, height }]) {
  const rightwards = x >= x0, downwards = y >= y0;
  const side = Math.min(Math.max(Math.abs(x - x0), Math.abs(y - y0)), rightwards ? width - x0 : x0, downwards ? height - y0 : y0);
  const left = rightwards ? x0 : x0 - side, top = downwards ? y0 : y0 - side;
  return [left / width, top / height, (left + side) / width, (top + side) / height];
}

/** What two boxes share, as a part (0…1) of what both cover. */
function overlap(one, other) {
  const width = Math.min(one[2], other[2]) - Math.max(one[0], other[0]);
  const height = Math.min(one[3], other[3]) - Math.max(one[1], other[1]);
  const shared = Math.max(width, 0) * Math.max(height, 0);
  const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
  return shared / Math.max(area(one) + area(other) - shared, 1);
}

/** Puts a node over a box in shares of the photo; null hides it. */
function place(node, box) {
  node.hidden = !box;
  if (!box) return;
  const [left, top, right, bottom] = box.map((share) => 100 * share);
  const style = { left, top, width: right - left, height: bottom - top };
  for (const [name, value] of Object.entries(style)) node.style.setProperty(name, `${value}%`);
  // Where its label has room inside the photo without covering the spot.
  node.classList.toggle("at-foot", bottom > 90);
  node.classList.toggle("at-right", left > 50);
}
