// Photos that are dropped anywhere on the page. interface/components/uploads.js does the same for the app.

const isAddressText = /^\s*(https?|data|blob|file):/i, isPicture = /<img\b/i;
const typesOf = ({ dataTransfer }) => [...(dataTransfer?.types ?? [])];

/** Text goes into fields, as ever. */
const isForField = (event) => Boolean(event.target.matches?.("textarea, input:not([type=file])")) && !typesOf(event).includes("Files");

/** A picture from another page brings only its address: as such, as text or in HTML. */
function isAddress(event) {
  const types = typesOf(event), says = (type, pattern) => types.includes(type) && pattern.test(event.dataTransfer.getData(type));
  return types.includes("text/uri-list") || says("text/plain", isAddressText) || says("text/html", isPicture);
}

/** take: gets the files. address: called where only the address of a picture came. place: shows that it would take what is over it. */
export function followDrops(take, address, place) {
  let own = false; // a picture of the page itself, dragged by a slip of the hand, comes as a file too
  document.addEventListener("dragstart", () => { own = true; });
  for (const kind of ["dragend", "pointerdown"]) document.addEventListener(kind, () => { own = false; });
  for (const kind of ["dragenter", "dragover"]) {
    document.addEventListener(kind, (event) => {
      if (isForField(event)) return;
      event.preventDefault();
      place.classList.toggle("over", !own);
    });
  }
  document.addEventListener("dragleave", () => place.classList.remove("over"));
  document.addEventListener("drop", (event) => {
    if (isForField(event)) return;
    event.preventDefault();
    place.classList.remove("over");
    if (own) return;
    const files = event.dataTransfer?.files;
    if (!files?.length && isAddress(event)) address();
    take(files);
  });
}
