// Registers the service worker that makes the page work without a network, and says when a newer release is ready.

/**
 * ready: called once everything is kept, with whether this visit is the first. renewed: called with a function that
 * switches to the newer release.
 */
export async function keepForOffline({ ready, renewed }) {
  if (!navigator.serviceWorker) return;
  const first = !navigator.serviceWorker.controller;
  try {
    const registration = await navigator.serviceWorker.register("service-worker.js");
    const offer = (worker) => renewed(() => {
      if (worker.state !== "installed") return location.reload(); // another tab has switched already
      navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
      worker.postMessage("use-now");
    });
    if (registration.waiting && navigator.serviceWorker.controller) offer(registration.waiting);
    registration.addEventListener("updatefound", () => {
      const worker = registration.installing;
      worker.addEventListener("statechange", () => {
        if (worker.state === "installed" && navigator.serviceWorker.controller) offer(worker);
      });
    });
    await navigator.serviceWorker.ready;
    ready(first);
  } catch (problem) {
    console.info("This page cannot be kept for use without a network:", problem.message);
  }
}
