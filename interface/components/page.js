// Runs in the head of every page: its language, and the tab in its address.
(() => {
  const { first, follow, directions, tabs } = window.selfSkinCheck;
  const parts = location.pathname.split("/");
  let last = parts.pop();
  if (last !== "" && !(last in directions)) {
    // A proxy's path without the slash behind it, which the proxy took off: what the page names would be looked for beside it.
    location.replace(location.pathname + "/" + location.search + location.hash);
    return;
  }
  if (last === "" && parts.at(-1) in directions) last = parts.pop(); // "/de/" as well as "/de"
  const language = last in directions ? last : first;
  const pathTo = (code) => parts.join("/") + "/" + (code === first ? "" : code) + location.search + location.hash;

  if (last === "" && follow) {
    let chosen = null;
    try { chosen = localStorage.getItem("language"); } catch { /* storage may be forbidden */ }
    const wanted = [chosen, ...(navigator.languages || [])].map((code) => String(code || "").toLowerCase().split("-")[0]);
    const found = wanted.find((code) => code in directions);
    if (found && found !== first) { location.replace(pathTo(found)); return; }
  }

  document.documentElement.lang = language;
  document.documentElement.dir = directions[language];

  // Gradio speaks English to itself; gradio_words.js puts the page's own words in its place.
  for (const [name, value] of [["language", "en"], ["languages", ["en"]]]) Object.defineProperty(navigator, name, { get: () => value, configurable: true });

  document.addEventListener("change", async (event) => {
    if (!event.target.matches(".language select")) return;
    const { photo, photoFollows } = window.selfSkinCheck, taken = photo?.();
    try {
      if (taken) await photoFollows.leave(taken);
    } catch {
      if (!confirm(event.target.dataset.leave)) {
        event.target.value = language;
        return;
      }
    }
    try { localStorage.setItem("language", event.target.value); } catch { /* the address still says it */ }
    // Not a step to go back to: the address without a language would only lead here again.
    location.replace(pathTo(event.target.value));
  });

  // The tab stands in the address, so that it can be linked to, reloaded and gone back to.
  const buttons = () => [...document.querySelectorAll("#tabs > .tab-wrapper [role=tab], #tabs [role=tablist] > [role=tab]")];
  const inAddress = () => new URLSearchParams(location.search).get("tab") || tabs[0];
  const buttonOf = (tab) => document.getElementById(`tab-${tab}-button`);
  let going = false;
  function go() {
    const button = buttonOf(inAddress());
    if (!button || button.getAttribute("aria-selected") === "true") return Boolean(button);
    going = true;
    button.click();
    going = false;
    return true;
  }
  window.addEventListener("popstate", go);
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[role=tab]");
    const tab = tabs.find((name) => button?.id === `tab-${name}-button`);
    if (tab) inSight(button);
    if (!tab || going || tab === inAddress()) return;
    const address = new URL(location.href);
    address.search = tab === tabs[0] ? "" : "?tab=" + tab;
    history.pushState(null, "", address);
  });
  const inSight = (button) => button?.scrollIntoView({ inline: "center", block: "nearest" });
  // Pressed until it is chosen: the first buttons are there before anything listens to them.
  const waiting = new MutationObserver(() => {
    const button = buttonOf(inAddress());
    if (!button) return;
    if (button.getAttribute("aria-selected") !== "true") { go(); return; }
    waiting.disconnect();
    inSight(button);
  });
  waiting.observe(document.documentElement, { childList: true, subtree: true, attributeFilter: ["aria-selected"] });
})();
