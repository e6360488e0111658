// What stands in a form while the page is drawn anew in another language: nothing that was typed is lost.

const FIELDS = "input:not([type=file]), select, textarea", FOLDS = "details";

/** A field's value as one string. */
const stateOf = (field) => (["checkbox", "radio"].includes(field.type) ? String(field.checked) : field.value);

/** A place that is the same before and after: the photo that a field belongs to, its own name, and its number among those alike. */
function named(nodes) {
  const seen = new Map();
  return [...nodes].map((node) => {
    const own = `${node.closest("[data-photo]")?.dataset.photo ?? ""} ${node.localName} ${node.id || node.name || node.type || node.className}`;
    seen.set(own, (seen.get(own) ?? 0) + 1);
    return [`${own} ${seen.get(own)}`, node];
  });
}

/** What stands in a host's fields and which folds are open: a function that brings both back once the host was drawn anew. */
export function heldFields(host) {
  const folds = new Set(named(host.querySelectorAll(FOLDS)).filter(([, fold]) => fold.open).map(([name]) => name));
  const values = new Map(named(host.querySelectorAll(FIELDS)).map(([name, field]) => [name, stateOf(field)]));
  return async () => {
    // What lies in a fold may be drawn only once it opens.
    await Promise.all(named(host.querySelectorAll(FOLDS)).filter(([name, fold]) => folds.has(name) && !fold.open).map(([, fold]) => new Promise((done) => {
      fold.addEventListener("toggle", done, { once: true });
      fold.open = true;
    })));
    for (const [name, field] of named(host.querySelectorAll(FIELDS))) {
      if (!values.has(name) || values.get(name) === stateOf(field)) continue;
      if (["checkbox", "radio"].includes(field.type)) field.checked = values.get(name) === "true";
      else field.value = values.get(name);
      for (const event of ["input", "change"]) field.dispatchEvent(new Event(event, { bubbles: true }));
    }
  };
}
