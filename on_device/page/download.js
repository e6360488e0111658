// The large files: fetched once, checked against their sha256, kept for the next visit.

export class DownloadFailed extends Error {}

/** The name under which this release's files are kept; service-worker.js uses the same. */
export function cacheName(version) { return `self-skin-check ${new URL(".", location.href).pathname} ${version}`; }

/**
 * One file of the release, unpacked and checked. facts: {bytes, sha256} of its content and `packed`, the bytes on the
 * wire. report: called with the bytes that arrived since the last call. A file that is not what it should be is fetched
 * once more past every cache; then DownloadFailed is thrown.
 */
export async function download(url, facts, version, report) {
  const kept = await openCache(version);
  for (const attempt of ["first", "second"]) {
    const held = attempt === "first" ? await kept?.match(url) : undefined;
    try {
      const response = held ?? (await fetch(url, { cache: attempt === "first" ? "default" : "reload" }));
      if (!response.ok) throw new DownloadFailed(`${url}: ${response.status}`);
      const copy = kept && !held ? response.clone() : null;
      const content = await unpack(await arrived(response, attempt === "first" ? report : () => {}));
      if (!(await isWhole(content, facts))) throw new DownloadFailed(`${url} is not what it should be`);
      if (copy) await kept.put(url, copy).catch(() => {}); // a full disk takes the next visit's comfort, not this one's
      return content;
    } catch (problem) {
      await kept?.delete(url);
      if (attempt === "second") throw problem instanceof DownloadFailed ? problem : new DownloadFailed(`${url}: ${problem.message}`);
    }
  }
}

async function openCache(version) {
  try { return await self.caches?.open(cacheName(version)); } catch { return undefined; }
}

async function arrived(response, report) {
  const parts = [], reader = response.body.getReader();
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    parts.push(step.value);
    report(step.value.length);
  }
  return new Blob(parts);
}

/** Some servers unpack .gz files on the way, so the bytes decide. */
async function unpack(blob) {
  const head = new Uint8Array(await blob.slice(0, 2).arrayBuffer());
  if (head[0] !== 0x1f || head[1] !== 0x8b) return new Uint8Array(await blob.arrayBuffer());
  return new Uint8Array(await new Response(blob.stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer());
}

async function isWhole(content, { bytes, sha256 }) {
  if (content.length !== bytes) return false;
  if (!self.crypto?.subtle) return true; // without https; gzip's own checksum has been compared by then
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") === sha256;
}
