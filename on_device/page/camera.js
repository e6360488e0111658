// The live camera: hints while the visitor aims, then a burst whose sharpest frame is scored.
import { grey } from "./pixels/colour.js";
import { picture } from "./pixels/picture.js";
import { look } from "./path/aim.js";
import { LOOKED_AT } from "./path/locate.js";
import { readPixels } from "./path/photo.js";
import { blur, workingCopy } from "./path/quality.js";

const LOOK_EVERY = 60; // milliseconds between two looks
const BURST = 6, BURST_EVERY = 80;
let chosen = null; // the lens that the visitor chose, for the next photo too
const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

async function lenses() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter(({ kind }) => kind === "videoinput").map(({ deviceId }) => deviceId);
}

export class Camera {
  /**
   * video: the element to show it in. onHint: called with a hint's code and the
   * square picture that was looked at, after every look. onEnd: called when the camera
   * goes away by itself. locator: returns the network's `locate`, or undefined before that has loaded.
   */
  constructor(video, onHint, onEnd, config, locator) { Object.assign(this, { video, onHint, onEnd, config, locator, stream: null, looks: 0 }); }

  get open() { return this.stream !== null; }

  /** Throws what the browser throws: NotAllowedError where the visitor or the page's settings refuse. */
  async start() {
    const which = chosen ? { deviceId: { exact: chosen } } : { facingMode: { ideal: "environment" } };
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { ...which, width: { ideal: 1920 }, height: { ideal: 1440 } },
    }).catch((problem) => {
      if (!chosen || problem.name === "NotAllowedError") throw problem;
      chosen = null; // it is gone, or taken
    });
    if (!stream) return this.start();
    if (this.stopped) { stream.getTracks().forEach((track) => track.stop()); return; } // closed meanwhile
    this.stream = stream;
    for (const track of this.stream.getTracks()) track.addEventListener("ended", () => this.open && this.onEnd());
    this.video.srcObject = this.stream;
    await this.video.play().catch(() => {});
    this.aim();
  }

  /** A button that goes on to the next lens, hidden until there are two. onProblem: called with what `start` throws. */
  lensButton(button, onProblem) {
    button.hidden = true;
    button.onclick = () => this.next().catch(onProblem);
    lenses().then((all) => { button.hidden = all.length < 2; });
  }

  /** Of several lenses browsers often open the wide one, which is not sharp so near (mozmorris/react-webcam issue 365). */
  async next() {
    const all = await lenses();
    if (!this.open || this.bursting) return;
    chosen = all[(all.indexOf(this.stream.getVideoTracks()[0].getSettings().deviceId) + 1) % all.length];
    this.stream.getTracks().forEach((track) => track.stop()); // some phones open a lens only once the other is closed
    await this.start();
  }

  stop() {
    this.stopped = true;
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
  }

  async aim() {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = LOOKED_AT;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const stream = this.stream;
    let before = null;
    while (this.stream === stream) {
      const { videoWidth: width, videoHeight: height } = this.video;
      const began = performance.now();
      if (width && !this.bursting) {
        const side = Math.min(width, height);
        context.drawImage(this.video, (width - side) / 2, (height - side) / 2, side, side, 0, 0, LOOKED_AT, LOOKED_AT);
        const rgb = opaque(context.getImageData(0, 0, LOOKED_AT, LOOKED_AT));
        const { hint, lightness } = await look(rgb, before, this.config, this.locator());
        if (this.stream !== stream) return; // closed meanwhile
        before = lightness;
        this.looks++;
        this.onHint(hint, rgb);
      }
      await wait(Math.max(5, LOOK_EVERY - (performance.now() - began)));
    }
  }

  /** Several frames a moment apart; the sharpest as a photo, {rgb, width, height}, or null where it was closed meanwhile. */
  async shoot() {
    this.bursting = true;
    let best = null, least = Infinity;
    try {
      for (let frame = 0; frame < BURST; frame++) {
        if (frame) await wait(BURST_EVERY);
        if (!this.open) return null;
        const still = await createImageBitmap(this.video);
        const photo = await readPixels(still, this.config.photo);
        still.close();
        const softness = blur(grey(workingCopy(photo.rgb, 256)));
        if (softness < least) { least = softness; best = photo; }
      }
    } catch (problem) {
      if (this.open) throw problem;
      return null;
    } finally {
      this.bursting = false;
    }
    return { ...best, softness: least };
  }
}

function opaque({ data, width, height }) {
  const rgb = picture(width, height, 3);
  for (let from = 0, to = 0; from < data.length; from += 4) {
    rgb.data[to++] = data[from];
    rgb.data[to++] = data[from + 1];
    rgb.data[to++] = data[from + 2];
  }
  return rgb;
}
