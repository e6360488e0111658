// Files that are chosen or dropped anywhere on the page, before Gradio sees them: it answers what is too large in its own
// words, and a browser leaves the page for a file that is dropped where nothing takes it.
(() => {
  const { maxBytes, maxTotalBytes } = window.selfSkinCheck;
  const sentence = (name) => document.querySelector("#page-head header")?.dataset[name] ?? "";
  const shown = (node) => Boolean(node?.getClientRects().length);
  const inBatch = (node) => Boolean(node.closest("#batch-files"));

  /** The files as they are to be sent. One byte over the limit is enough for the server to say that it is too large. */
  function cut(files, zips) {
    return files.map((file) => {
      if (file.size <= maxBytes + 1 || (zips && file.name.toLowerCase().endsWith(".zip"))) return file;
      return new File([file.slice(0, maxBytes + 1)], file.name, { type: file.type });
    });
  }

  function sayInBatch(text) {
    const place = document.querySelector("#batch-message");
    place?.querySelector(".batch-too-large")?.remove();
    if (!text) return;
    const said = Object.assign(document.createElement("p"), { className: "warning batch-too-large", textContent: text });
    said.setAttribute("role", "alert");
    place?.append(said);
  }

  /** Gives files to an input as if they had been chosen there. */
  function hand(input, files) {
    const transfer = new DataTransfer();
    for (const file of input.multiple ? files : files.slice(0, 1)) transfer.items.add(file);
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }

  window.addEventListener("change", (event) => {
    const input = event.target;
    if (input.type !== "file" || input.closest("#sources, .sources")) return; // a stage looks at its own
    const files = [...input.files], batch = inBatch(input), sent = cut(files, batch);
    const together = sent.reduce((sum, { size }) => sum + size, 0);
    if (batch) sayInBatch(together > maxTotalBytes ? sentence("tooLarge") : "");
    if (batch && together > maxTotalBytes) {
      event.stopImmediatePropagation();
      input.value = "";
    } else if (sent.some((file, i) => file !== files[i])) {
      event.stopImmediatePropagation();
      hand(input, sent);
    }
  }, true);

  // --- paste and drop -----------------------------------------------------------------------------------------------
  /** Of several stages in sight the one at the pointer takes a photo, else the first empty one, else the last. No files: an address. */
  function arrive(files, at = null) {
    const stages = [...document.querySelectorAll(".stage")].filter(shown);
    const stage = stages.find((each) => each.contains(at)) ?? stages.find((each) => !each.classList.contains("filled")) ?? stages.at(-1);
    stage?.dispatchEvent(new CustomEvent("photo-arrived", { detail: files, bubbles: true }));
    return Boolean(stage);
  }

  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length && arrive(files)) event.preventDefault();
  });

  // Of a link, a browser may tell only the text, and leaves the page for that too.
  const LEAVES = ["Files", "text/uri-list", "text/html", "text/plain"];
  const carries = ({ dataTransfer }) => [...(dataTransfer?.types ?? [])].some((type) => LEAVES.includes(type));
  const isAddress = ({ dataTransfer }) =>
    dataTransfer.types.includes("text/uri-list") || /^\s*(https?|data|blob|file):/i.test(dataTransfer.getData("text/plain")) || /<img\b/i.test(dataTransfer.getData("text/html"));
  // A picture of the page itself, dragged by a slip of the hand, comes as a file too.
  let own = false;
  window.addEventListener("dragstart", () => { own = true; }, true);
  for (const kind of ["dragend", "pointerdown"]) window.addEventListener(kind, () => { own = false; }, true);
  // Text is dropped into fields, and sliders are dragged, as ever.
  const isField = ({ target }) => Boolean(target.closest?.("textarea, input:not([type=file]), [contenteditable=true]"));
  const isOfFiles = ({ dataTransfer }) => dataTransfer.types.includes("Files");
  for (const kind of ["dragenter", "dragover"]) {
    window.addEventListener(kind, (event) => { if (carries(event) && !(isField(event) && !isOfFiles(event))) event.preventDefault(); });
  }

  /** Whether what was dropped is taken. No files: an address. */
  function take(files, at) {
    const batch = document.querySelector("#batch-files"), input = batch?.querySelector("input[type=file]");
    if (!shown(batch)) return arrive(files, at);
    if (files.length) input && hand(input, files);
    else sayInBatch(sentence("address"));
    return Boolean(files.length ? input : document.querySelector("#batch-message"));
  }

  /** Gradio builds a tab when it is first opened: what is dropped before that is taken once it is there. */
  function takeOnceBuilt(files, at) {
    const until = performance.now() + 3000;
    const again = () => { if (!take(files, at) && performance.now() < until) setTimeout(again, 100); };
    again();
  }

  window.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    const files = [...event.dataTransfer.files];
    if (!files.length && isField(event)) return;
    event.preventDefault();
    if (own || (!files.length && !isAddress(event))) {
      event.stopImmediatePropagation();
      return;
    }
    const batch = document.querySelector("#batch-files");
    if (files.length && shown(batch) && batch.querySelector("input[type=file]")) event.stopImmediatePropagation();
    takeOnceBuilt(files, document.elementFromPoint(event.clientX, event.clientY));
  }, true);
})();
