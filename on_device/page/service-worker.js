// Keeps one whole release and serves only that: a page never meets another release's network.
const VERSION = "{{version}}";
const FILES = {{files}};
const LATER = {{later}}; // the diary's, kept once it has been opened
const OURS = `self-skin-check ${new URL(self.registration.scope).pathname} `;
const CACHE = OURS + VERSION;
const SCOPE = self.registration.scope;
const addressOf = (path) => new URL(path, SCOPE).href;

async function keep(cache, [path, { sha256 }]) {
  if (await cache.match(addressOf(path))) return; // the page has fetched and checked the large ones
  const response = await fetch(addressOf(path), { cache: "no-cache" });
  const content = await response.clone().arrayBuffer();
  const digest = Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", content)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  // A server that unpacks .gz files on the way gives other bytes; the page checks those files itself.
  if (!response.ok || (digest !== sha256 && !path.endsWith(".gz"))) throw new Error(`${path} did not arrive whole`);
  await cache.put(addressOf(path), response);
}

const keepAll = async (files) => {
  const cache = await caches.open(CACHE);
  await Promise.all(Object.entries(files).map((file) => keep(cache, file)));
};

/** Whether an older release was kept with its diary: then this one's is kept too, so that it goes on opening offline. */
async function diaryWasKept() {
  for (const name of await caches.keys()) {
    if (!name.startsWith(OURS) || name === CACHE) continue;
    if ((await (await caches.open(name)).keys()).some(({ url }) => url.endsWith("/diary/diary.js"))) return true;
  }
  return false;
}

self.addEventListener("install", (event) => {
  event.waitUntil((async () => keepAll(await diaryWasKept() ? { ...FILES, ...LATER } : FILES))());
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    const mine = (name) => name.startsWith(OURS) && name !== CACHE;
    await Promise.all((await caches.keys()).filter(mine).map((name) => caches.delete(name)));
    await self.clients.claim();
  })());
});

self.addEventListener("message", (event) => {
  if (event.data === "use-now") self.skipWaiting();
  if (event.data !== "keep-diary") return;
  event.waitUntil(keepAll(LATER).then(() => event.source.postMessage("diary-kept"), (problem) => console.info("The diary is not kept:", problem.message)));
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  // The page's policy forbids other servers already; here the same holds for whatever it might start.
  if (url.origin !== self.location.origin || event.request.method !== "GET") return event.respondWith(Response.error());
  const key = event.request.mode === "navigate" ? SCOPE : url.origin + url.pathname;
  event.respondWith(caches.open(CACHE).then((cache) => cache.match(key)).then((held) => held ?? fetch(event.request)));
});
