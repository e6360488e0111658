// The gallery of mistakes: photographs as they come into sight, cases that open and close, and the way back.
// Gradio calls this once with `element` (the grid) and `trigger`.
const MOST_AT_ONCE = 4; // a browser keeps few connections to one server, and the page needs some itself
const waiting = [];
let running = 0;
const caseArea = () => document.getElementById("mistakes-case");
const tools = () => document.getElementById("mistakes-tools");
const legend = () => document.getElementById("mistakes-legend");
const text = (name) => JSON.parse(tools().querySelector("[data-texts]").dataset.texts)[name];
const article = () => caseArea()?.querySelector(".case");

// --- photographs ----------------------------------------------------------------------------------------------------
const sight = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    sight.unobserve(entry.target);
    waiting.push(entry.target);
    next();
  }
}, { rootMargin: "150px" });

function next() {
  while (running < MOST_AT_ONCE && waiting.length) {
    const place = waiting.shift();
    if (!place.isConnected) continue;
    running += 1;
    fetchPhoto(place).finally(() => { running -= 1; next(); });
  }
}

async function fetchPhoto(place) {
  let answer = null;
  const again = place.dataset.again ? "&again" : "";
  try { answer = await fetch(place.dataset.photo + again); } catch { /* the server is gone: as if nothing came */ }
  if (!answer?.ok) { without(place, answer?.status === 404 ? "missing" : "unreachable"); return; }
  const image = new Image();
  image.className = "photo";
  image.alt = place.dataset.alt || "";
  image.src = URL.createObjectURL(await answer.blob());
  try { await image.decode(); } catch { without(place, "missing"); return; } finally { URL.revokeObjectURL(image.src); }
  place.prepend(image);
  place.dataset.state = "photo";
}

function without(place, why) {
  place.dataset.state = "none";
  place.dataset.why = why;
  sayWhetherSilent();
  if (place.closest(".nearest")) return; // its name stands below
  const said = document.createElement("p");
  said.className = "why";
  said.textContent = text(why) + " ";
  const link = place.closest(".card") && elsewhere(place);
  if (link) said.append(link);
  // In the picture, so that no card moves while somebody reads; beside the button, which can hold no link.
  (place.closest(".card") || place).append(said);
}

// Where a photograph that is not here can be looked at, or how it can be had.
function elsewhere(place) {
  const link = document.createElement("a");
  if (place.dataset.page) {
    return Object.assign(link, { href: place.dataset.page, target: "_blank", rel: "noopener noreferrer", textContent: text("archive") });
  }
  return how() && Object.assign(link, { href: "#mistakes-how", className: "to-how", textContent: text("how_link") });
}
const how = () => document.querySelector("#mistakes-how details");

// There is something to try again as long as one photograph could not be had, whatever came since.
function sayWhetherSilent() {
  const line = legend()?.querySelector(".archive-silent");
  if (line) line.hidden = !document.querySelector("#tab-mistakes .picture[data-why=unreachable]");
}

function watchPlace(place) {
  if (place.dataset.state) return;
  place.dataset.state = "waiting";
  if (place.dataset.photo) sight.observe(place); else without(place, "nowhere");
}

// What a card says of its own map where there is none to see.
function finish(card) {
  if (card.dataset.done) return;
  card.dataset.done = "yes";
  if (card.dataset.map === "some") return;
  const said = document.createElement("span");
  said.className = "line";
  said.textContent = text("map_" + card.dataset.map);
  card.querySelector("button").append(said);
}

function look() {
  for (const card of element.querySelectorAll(".card")) finish(card);
  for (const root of [element, caseArea()]) root?.querySelectorAll(".picture[data-photo]").forEach(watchPlace);
  sayWhetherSilent();
}
const found = setInterval(() => {
  if (!caseArea() || !tools()?.querySelector("[data-texts]")) return;
  clearInterval(found);
  const changes = new MutationObserver(look);
  for (const root of [element, caseArea()]) changes.observe(root, { childList: true, subtree: true });
  look();
}, 50);

function again() {
  for (const place of document.querySelectorAll("#mistakes-grid .picture, #mistakes-case .picture")) {
    if (place.dataset.why !== "unreachable") continue;
    delete place.dataset.why;
    delete place.dataset.state;
    place.dataset.again = "yes";
    (place.closest(".card") || place).querySelector(".why")?.remove();
    watchPlace(place);
  }
  sayWhetherSilent();
}

// --- cases ----------------------------------------------------------------------------------------------------------
let left = { id: null, top: 0 }; // the card that was opened, and where in the window it stood
const inAddress = () => {
  const asked = new URLSearchParams(location.search);
  return asked.get("tab") === "mistakes" ? asked.get("case") : null;
};
const cardOf = (id) => [...element.querySelectorAll("[data-id]")].find((card) => card.dataset.id === id);
const isOpen = () => document.body.classList.contains("mistakes-case");

function open(id) {
  if (!isOpen()) left = { id, top: cardOf(id)?.getBoundingClientRect().top ?? 0 };
  history.pushState(null, "", "?tab=mistakes&case=" + encodeURIComponent(id));
  trigger("choose", { id });
}

function show() {
  if (inAddress() === null || !article()) return;
  document.body.classList.add("mistakes-case");
  article().scrollIntoView({ block: "start" });
  article().focus({ preventScroll: true });
}

function close() {
  if (!isOpen()) return;
  document.body.classList.remove("mistakes-case");
  window.scrollBy({ top: (cardOf(left.id)?.getBoundingClientRect().top ?? left.top) - left.top, behavior: "instant" });
  cardOf(article()?.dataset.id)?.focus({ preventScroll: true });
}

window.addEventListener("mistakes-case", show);
window.addEventListener("popstate", () => {
  const id = inAddress();
  if (id === null) close();
  else if (article()?.dataset.id === id) show();
  else trigger("choose", { id });
});

document.addEventListener("click", (event) => {
  if (event.target.closest?.(".to-how")) {
    event.preventDefault();
    how().open = true;
    how().querySelector("summary").focus();
    how().scrollIntoView({ block: "nearest" });
    return;
  }
  const button = event.target.closest?.("button");
  if (!button) return;
  if (button.closest(".archive-silent")) again();
  else if (button.closest("#mistakes-grid") || button.closest("#mistakes-case nav")) {
    if (button.classList.contains("back")) {
      history.pushState(null, "", "?tab=mistakes");
      close();
    } else if (button.dataset.id) open(button.dataset.id);
  } else if (button.id === "tab-mistakes-button" && isOpen()) {
    history.pushState(null, "", "?tab=mistakes");
    close();
  }
});
// Arrow keys turn the pages, in the direction in which one reads.
document.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step || !isOpen() || event.altKey || event.ctrlKey || event.metaKey || event.target.closest?.("input, textarea, select, [role=tab], pre")) return;
  const steps = caseArea().querySelectorAll("nav button:not(.back)");
  const forwards = step > 0 !== (document.documentElement.dir === "rtl");
  if (inAddress() !== null) steps[forwards ? 1 : 0]?.click();
});
document.addEventListener("input", (event) => {
  if (event.target.closest?.("#mistakes-case .strength")) {
    caseArea().querySelector(".picture.large").style.setProperty("--strength", event.target.value / 100);
  } else if (event.target.closest?.("#mistakes-tools .show-maps")) {
    element.classList.toggle("with-maps", event.target.checked);
  }
});
