// Playwright's Node.js loads this first. With every new page Playwright asks for a colour scheme, by a command that Firefox 153 ESR does
// not know; the page then has the system's own, which is a light one in the tests. That this one command is unknown is no error here.
const parse = JSON.parse;
JSON.parse = (...given) => {
  const found = parse(...given), isUnknown = found?.type === "error" && found.error === "unknown command";
  return isUnknown && found.message === "emulation.setMediaFeaturesOverride" ? { type: "success", id: found.id, result: {} } : found;
};
