// Puts the page's own words in place of those that Gradio and plotly bring, in whatever language they are.
(() => {
  const said = window.selfSkinCheck.gradioWords[document.documentElement.lang];
  const known = {
    "Drop File Here": "drop_file", "or": "or", "- or -": "or", "Click to Upload": "click_to_upload",
    "Click to upload or drop files": "drop_or_upload", "File upload": "file_upload", "More tabs": "more_tabs", "common.upload": "add_files", "Clear": "clear",
    "Reset to default value": "reset", "Undo": "undo", "undo": "undo", "common.complete": "complete", "Plot": "plot", "Warning": "warning", "Error": "error", "Connection Lost": "error",
    "processing": "processing", "Uploading...": "uploading", "Loading...": "loading", "Loading": "loading",
    "Download plot as a PNG": "plot_download", "Zoom": "plot_zoom", "Pan": "plot_pan",
    "Box Select": "plot_box", "Lasso Select": "plot_lasso", "Zoom in": "plot_in", "Zoom out": "plot_out",
    "Autoscale": "plot_fit", "Reset axes": "plot_reset",
  };
  const shaped = [
    [/^number input for (?<name>.+)$/, "number_input"], [/^range slider for (?<name>.+)$/, "range_slider"],
    [/^In queue: (?<position>\d+) of (?<size>\d+)$/, "queue"], [/^queue: (?<position>\d+)\/(?<size>\d+)$/, "queue"],
    [/^processing \|$/, "processing"],
    // Some end with the browser's own words for it ("Failed to fetch", "Load failed").
    [/^(Connection errored out|Connection to the server was lost|Lost connection|Cannot connect to |Could not connect to |Could not resolve app config|Error uploading file)/, "lost"],
    [/^(This application is currently busy|Queue is full|There is a long queue)/, "busy"],
    [/^On mobile, the connection can break/, "keep_open"],
    [/^Waiting for file\(s\) to finish uploading/, "waiting"],
    [/^(An error occurred|An unknown error occurred|Could not parse server response|Unexpected client exception|Dependency function failed|Server returned \d)/, "failed"],
  ];

  // Nothing can be dropped on a screen that knows only fingers.
  const dropping = !matchMedia("(hover: none) and (pointer: coarse)").matches;
  const onTouch = { drop_file: "", or: "", drop_or_upload: said.click_to_upload };

  function ours(text) {
    const key = known[text];
    if (!dropping && key in onTouch) return onTouch[key];
    if (key) return said[key];
    for (const [shape, name] of shaped) {
      const found = shape.exec(text);
      if (found) return said[name].replace(/\{(\w+)\}/g, (_, value) => found.groups[value]);
    }
    return null;
  }

  const ATTRIBUTES = ["aria-label", "title", "alt", "placeholder", "data-title"];
  const ownText = (node) => node.parentElement?.closest(".html-container, [role=tab], table, script, style, option") !== null;
  // The ends of a slider, which Gradio writes as in English.
  const isEnd = (node) => said.decimal !== "." && node.parentElement?.matches(".min_value, .max_value") && node.data.includes(".");
  function mendText(node) {
    if (isEnd(node)) node.data = node.data.replace(".", said.decimal);
    const text = node.data.trim(), words = text && !ownText(node) ? ours(text) : null;
    if (words !== null && words !== text) node.data = node.data.replace(text, words);
  }
  function mendElement(node) {
    for (const name of ATTRIBUTES) {
      const text = node.getAttribute(name), words = text ? ours(text) : null;
      if (words !== null && words !== text) node.setAttribute(name, words);
    }
  }
  function mend(root) {
    if (root.nodeType === Node.TEXT_NODE) return mendText(root);
    if (root.nodeType !== Node.ELEMENT_NODE) return;
    mendElement(root);
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
    while (walker.nextNode()) walker.currentNode.nodeType === Node.TEXT_NODE ? mendText(walker.currentNode) : mendElement(walker.currentNode);
  }
  new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.type === "childList") change.addedNodes.forEach(mend);
      else if (change.type === "characterData") mendText(change.target);
      else mendElement(change.target);
    }
  }).observe(document.documentElement, { childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ATTRIBUTES });
  mend(document.documentElement);

  // A number typed into a slider's field: what is out of bounds, or none, gives way to the value that counts.
  let before = 0;
  document.addEventListener("focusin", ({ target }) => { if (target.type === "number") before = target.valueAsNumber; });
  document.addEventListener("focusout", ({ target }) => {
    if (target.type !== "number") return;
    const range = target.closest(".block")?.querySelector("input[type=range]");
    const typed = target.valueAsNumber;
    let counts = typed;
    if (range) counts = Number.isNaN(typed) ? before : Math.min(Math.max(typed, Number(range.min)), Number(range.max));
    else if (!Number.isNaN(typed) && target.step === "1") counts = Math.round(typed);
    if (Number.isNaN(counts) || counts === typed) return;
    target.value = String(counts);
    target.dispatchEvent(new Event("input", { bubbles: true }));
  });
})();
