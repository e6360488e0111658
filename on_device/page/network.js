// The network in onnxruntime-web: pictures in, logits, novelty and Grad-CAM out.
import * as ort from "./onnxruntime/ort.wasm.min.mjs";

const MOST_THREADS = 4;

/**
 * model, wasm: the files' bytes; folder: where onnxruntime's own script lies. Threads only where the page is isolated
 * from other origins: elsewhere browsers share no memory between them.
 */
export async function openNetwork(model, wasm, folder, config) {
  ort.env.wasm.wasmBinary = wasm;
  ort.env.wasm.wasmPaths = { mjs: new URL("ort-wasm-simd-threaded.mjs", folder).href };
  ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1) : 1;
  ort.env.logLevel = "error";
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
  const size = config.preprocessing.input_size;
  const outputs = ["logits", "novelty", "cam"].filter((name) => session.outputNames.includes(name));
  const network = {
    threads: ort.env.wasm.numThreads,
    /** inputs: pictures of the network's size. Returns for every output one entry a picture. */
    async run(inputs) {
      const area = size * size, pixels = new Float32Array(inputs.length * 3 * area);
      inputs.forEach(({ data }, n) => {
        for (let i = 0, from = 0, to = n * 3 * area; i < area; i++, from += 3, to++) {
          pixels[to] = data[from] / 255;
          pixels[to + area] = data[from + 1] / 255;
          pixels[to + 2 * area] = data[from + 2] / 255;
        }
      });
      const feed = new ort.Tensor("float32", pixels, [inputs.length, 3, size, size]);
      const found = await session.run({ pixels: feed }, outputs);
      return Object.fromEntries(outputs.map((name) => [name, rows(found[name], inputs.length)]));
    },
  };
  await network.run([{ data: new Uint8Array(3 * size * size) }]); // the first run is the slowest: nobody waits for it later
  return network;
}

function rows({ data, dims }, count) {
  const length = data.length / count;
  return Array.from({ length: count }, (_, n) => (dims.length === 1 ? data[n] : data.slice(n * length, (n + 1) * length)));
}
