// The networks in onnxruntime-web: pictures in; logits, novelty and what explains them out, or where spots lie.
import * as ort from "./onnxruntime/ort.wasm.min.mjs";
import { LOOKED_AT } from "./path/locate.js";

const MOST_THREADS = 4;
const OFF = 0.1, OFF_BY = 0.02; // how far a right answer may lie from the known one: a number, and a share of it

/**
 * model, locator, wasm: the files' bytes; folder: where onnxruntime's own script lies. Threads only where the page is isolated
 * from other origins: elsewhere browsers share no memory between them. Throws where the networks do not answer as they
 * did when the page was built: WebAssembly has computed nonsense without an error.
 */
export async function openNetwork(model, locator, wasm, folder, config) {
  ort.env.wasm.wasmBinary = wasm;
  ort.env.wasm.wasmPaths = { mjs: new URL("ort-wasm-simd-threaded.mjs", folder).href };
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1) : 1;
  ort.env.logLevel = "error";
  const open = (file) => ort.InferenceSession.create(file, { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
  const [session, looking] = [await open(model), await open(locator)];
  const size = config.preprocessing.input_size;
  const outputs = ["logits", "novelty", "cam_gradient", "feature_map"].filter((name) => session.outputNames.includes(name));
  const network = {
    threads: ort.env.wasm.numThreads,
    /** inputs: pictures of the network's size. Returns for every output one entry a picture. */
    async run(inputs) {
      const found = await session.run({ pixels: tensor(inputs, size, 255) }, outputs);
      return Object.fromEntries(outputs.map((name) => [name, rows(found[name], inputs.length)]));
    },
    /** input: a picture of LOOKED_AT pixels. Returns the locator's answer, 6 × c × c numbers: see ./path/locate.js. */
    async locate(input) {
      return (await looking.run({ pixels: tensor([input], LOOKED_AT, 1) })).answer.data;
    },
  };
  // The first run is the slowest, so nobody waits for it later; and it shows whether this browser computes rightly.
  const answer = await network.locate(drawn(LOOKED_AT)), { logits } = await network.run([drawn(size)]);
  const mean = answer.reduce((sum, value) => sum + value, 0) / answer.length, most = answer.reduce((a, b) => Math.max(a, b));
  if (!near(logits[0], config.known.logits) || !near([mean, most], config.known.answer)) throw new Error("The networks do not answer as they should");
  return network;
}

/** The network that outlines a lesion, of a file's bytes: squares of `side` pixels to side × side probabilities each. */
export async function openOutline(file, side) {
  const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
  return async (squares) => rows((await session.run({ pixels: tensor(squares, side, 1) })).probability, squares.length);
}

/** Pictures, (N, S, S, 3) levels, as (N, 3, S, S) numbers, each divided by `by`. */
function tensor(inputs, size, by) {
  const area = size * size, pixels = new Float32Array(inputs.length * 3 * area);
  inputs.forEach(({ data }, n) => {
    for (let i = 0, from = 0, to = n * 3 * area; i < area; i++, from += 3, to++) {
      pixels[to] = data[from] / by;
      pixels[to + area] = data[from + 1] / by;
      pixels[to + 2 * area] = data[from + 2] / by;
    }
  });
  return new ort.Tensor("float32", pixels, [inputs.length, 3, size, size]);
}

function rows({ data, dims }, count) {
  const length = data.length / count;
  return Array.from({ length: count }, (_, n) => (dims.length === 1 ? data[n] : data.slice(n * length, (n + 1) * length)));
}

/** The picture that on_device/known_answers.py draws. */
function drawn(side) {
  return { data: Uint8Array.from({ length: 3 * side * side }, (_, at) => (at * 37 + (at >> 8) * 11) % 256) };
}

// Not "> ": what is no number at all is not near.
function near(found, known) {
  return known.every((value, at) => Math.abs(found[at] - value) <= OFF + OFF_BY * Math.abs(value));
}
