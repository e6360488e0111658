// Playwright's Node.js loads this first, and reads what Firefox says through it. Firefox 153 ESR speaks WebDriver BiDi without two things that
// Playwright counts on: it knows no command that sets a colour scheme, which is asked for with every page (a page then has the system's own,
// a light one in the tests), and it gives downloads no name, without which Playwright does not hear of them.
const UNKNOWN = "emulation.setMediaFeaturesOverride", DOWNLOADS = ["browsingContext.downloadWillBegin", "browsingContext.downloadEnd"];

const parse = JSON.parse;
JSON.parse = (...given) => {
  const found = parse(...given);
  if (found?.type === "error" && found.error === "unknown command" && found.message === UNKNOWN) return { type: "success", id: found.id, result: {} };
  if (DOWNLOADS.includes(found?.method)) found.params.download ??= found.params.url;
  return found;
};
