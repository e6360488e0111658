// Takes the photo, and what was chosen of it, along to the page in another language: a page of its own in Gradio. They
// lie in the visitor's own browser from the switch until the next page has begun, and nowhere else.
(() => {
  const NAME = "photo-follows", FLAG = "photo-follows", MOST_SECONDS = 60;
  const done = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = request.onblocked = () => reject(request.error);
  });

  async function open() {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(NAME);
    return done(request);
  }

  /** photo: {files, example, box}. Rejects where the browser keeps nothing, as in some private windows. */
  async function leave(photo) {
    sessionStorage.setItem(FLAG, String(Date.now()));
    const database = await open();
    const change = database.transaction(NAME, "readwrite");
    change.objectStore(NAME).put(photo, NAME);
    await new Promise((resolve, reject) => { change.oncomplete = resolve; change.onerror = change.onabort = () => reject(change.error); });
    database.close();
  }

  /** What `leave` left a moment ago, or null; afterwards nothing of it is kept. */
  async function arrive() {
    let left = 0, photo = null;
    try {
      left = Number(sessionStorage.getItem(FLAG));
      sessionStorage.removeItem(FLAG);
      if (left && Date.now() - left < MOST_SECONDS * 1000) {
        const database = await open();
        photo = (await done(database.transaction(NAME).objectStore(NAME).get(NAME))) ?? null;
        database.close();
      }
    } catch { /* then it starts without a photo */ }
    try { indexedDB.deleteDatabase(NAME); } catch { /* there is none */ }
    return photo;
  }

  window.selfSkinCheck.photoFollows = { leave, arrived: arrive() };
})();
