// The diary in the browser's own database: spots, photos, and apart from them the pictures and their thumbnails.
// Whatever belongs together is written in one transaction, so that a tab closed in the middle leaves all of it or nothing.
import { openDB } from "../../idb/index.js";
import { withoutMetadata } from "../files/metadata.js";
import { DiaryProblem, named } from "./problem.js";
import { Vault } from "./vault.js";

export const NAME = "self-skin-check diary", SCHEMA = 2;
const RECORDS = ["spots", "photos"], BYTES = ["pictures", "thumbnails"], ALL = [...RECORDS, ...BYTES, "settings"];
const STRICT = { durability: "strict" };
/** The setting that says that photos lie here as the camera wrote them, which version 1 did. */
const UNSTRIPPED = "unstripped";
/** Of a photo, in its spot's record: so the list of spots needs no photo. */
const SUMMARY = ({ id, taken, scores }) => ({ id, taken, score: scores.at(-1) ?? null });

/** What a photo's record says once its file is without metadata; see `withoutMetadata`. */
function stripped(photo, { bytes, type, size }) {
  const { width, height, region } = photo, scaled = region && size ? region.map((side) => Math.round(side * size.scale)) : region;
  return { ...photo, type, bytes: bytes.byteLength, width: size?.width ?? width, height: size?.height ?? height, region: scaled };
}

/**
 * A spot: {id, number, name, place: {side, x, y} or null, months, created, photos: how many, first, last: SUMMARY or null}.
 * A photo: {id, spot, taken, added, type, bytes, width, height, region, signs, note, scores, size}. See docs/diary.md.
 */
export class Store {
  constructor(database, limits) {
    Object.assign(this, { database, limits, vault: null, lock: null, listeners: new Set(), turn: Promise.resolve() });
    this.channel = typeof BroadcastChannel === "function" ? new BroadcastChannel(NAME) : null;
    this.channel?.addEventListener("message", ({ data }) => this.tell(data));
  }

  /**
   * limits: config.json's `photo`. Throws DiaryProblem: "unavailable" where the browser keeps nothing, "newer" where a newer
   * page wrote the diary.
   */
  static async open(limits) {
    if (!globalThis.indexedDB) throw new DiaryProblem("unavailable");
    let store = null;
    try {
      const database = await openDB(NAME, SCHEMA, {
        upgrade(fresh, from, to, transaction) {
          if (from === 1) return void transaction.objectStore("settings").put({ name: UNSTRIPPED, value: true });
          fresh.createObjectStore("spots", { keyPath: "id" });
          fresh.createObjectStore("photos", { keyPath: "id" }).createIndex("spot", "spot");
          for (const bytes of BYTES) fresh.createObjectStore(bytes, { keyPath: "id" });
          fresh.createObjectStore("settings", { keyPath: "name" });
        },
        // A newer page in another tab wants to change the database: this one gives way and says so.
        blocking() { store?.close(); store?.tell({ closed: true }); },
        terminated() { store?.tell({ closed: true }); },
      });
      store = new Store(database, limits);
      await store.readLock();
      return store;
    } catch (problem) {
      throw named(problem);
    }
  }

  close() { this.database.close(); this.channel?.close(); }

  onChange(listener) { this.listeners.add(listener); }
  tell(change) { for (const listener of this.listeners) listener(change); }
  told(change) { this.channel?.postMessage(change); this.tell(change); }

  // --- one writer at a time, whatever the number of tabs ------------------------------------------------------------
  /** work: called while no other tab writes. Its problems are named. */
  async alone(work) {
    const guarded = async () => {
      await this.readLock();
      if (this.isLocked) throw new DiaryProblem("locked");
      return work();
    };
    try {
      if (navigator.locks) return await navigator.locks.request(NAME, guarded);
      const mine = this.turn.then(guarded);
      this.turn = mine.catch(() => {});
      return await mine;
    } catch (problem) {
      throw named(problem);
    }
  }

  /** steps: [store, "put" | "delete" | "clear", argument] in one transaction. Throws where not all of them were done. */
  async write(steps) {
    const transaction = this.database.transaction([...new Set(steps.map(([name]) => name))], "readwrite", STRICT);
    const asked = steps.map(([name, how, argument]) => transaction.objectStore(name)[how](...(argument === undefined ? [] : [argument])));
    // A full disk shows itself in a request or only at the end; the transaction is undone either way.
    await Promise.all([...asked, transaction.done]);
  }

  // --- records as they lie, plain or sealed -------------------------------------------------------------------------
  get isLocked() { return this.lock !== null && this.vault === null; }
  get seals() { return this.lock !== null && this.lock.state !== "opening"; }

  async record(name, value) {
    const { id, spot } = value, keys = spot === undefined ? { id } : { id, spot };
    return this.seals ? { ...keys, box: await this.vault.sealJson(value, `${name} ${id}`) } : { ...keys, value };
  }

  async bytes(name, id, bytes) {
    return this.seals ? { id, box: await this.vault.seal(bytes, `${name} ${id}`) } : { id, bytes };
  }

  async opened(name, record) {
    if (!record) throw new DiaryProblem("gone");
    if (!record.box) return record.value ?? record.bytes;
    if (!this.vault) throw new DiaryProblem("locked");
    const about = `${name} ${record.id}`;
    return RECORDS.includes(name) ? this.vault.unsealJson(record.box, about) : this.vault.unseal(record.box, about);
  }

  async read(name, id) {
    try { return await this.opened(name, await this.database.get(name, id)); } catch (problem) { throw named(problem); }
  }

  // --- reading ------------------------------------------------------------------------------------------------------
  /** All spots, by number. */
  async spots() {
    const records = await this.database.getAll("spots");
    const spots = await Promise.all(records.map((record) => this.opened("spots", record)));
    return spots.sort((one, other) => one.number - other.number);
  }

  async spot(id) { return this.read("spots", id); }
  async photo(id) { return this.read("photos", id); }

  /** A spot's photos, the oldest first. */
  async photosOf(spot) {
    const records = await this.database.getAllFromIndex("photos", "spot", spot);
    return inOrder(await Promise.all(records.map((record) => this.opened("photos", record))));
  }

  /** A photo's file: a Blob. */
  async picture(photo) { return new Blob([await this.read("pictures", photo.id)], { type: photo.type }); }
  async thumbnail(id) { return new Blob([await this.read("thumbnails", id)], { type: "image/jpeg" }); }
  async setting(name) { return (await this.database.get("settings", name))?.value ?? null; }
  async set(name, value) { await this.alone(() => this.write([["settings", "put", { name, value }]])); }

  // --- writing ------------------------------------------------------------------------------------------------------
  /** A spot with what its photos say of it. */
  async summed(spot, photos) {
    const ends = photos.length ? { first: SUMMARY(photos[0]), last: SUMMARY(photos.at(-1)) } : { first: null, last: null };
    return { ...spot, photos: photos.length, ...ends };
  }

  /** A new spot gets the next number; of one that is there `change` replaces fields. Returns it. */
  async saveSpot(change) {
    return this.alone(async () => {
      const spots = await this.spots(), old = spots.find(({ id }) => id === change.id);
      if (!old && change.id && !change.created) throw new DiaryProblem("gone");
      const number = Math.max(0, ...spots.map((spot) => spot.number)) + 1;
      const spot = { id: crypto.randomUUID(), number, name: "", place: null, months: 1, created: new Date().toISOString(), photos: 0, first: null, last: null, ...old, ...change };
      await this.write([["spots", "put", await this.record("spots", spot)]]);
      this.told({ spot: spot.id });
      return spot;
    });
  }

  /**
   * photo: without id; file, thumbnail: their bytes, which lose all but their pictures. One transaction for all that is new.
   * Returns the photo. Throws DiaryProblem "unreadable" where the file cannot be opened here.
   */
  async addPhoto(photo, file, thumbnail) {
    const [picture, small] = [await withoutMetadata(file, photo.type, this.limits), await withoutMetadata(thumbnail, "image/jpeg", this.limits)];
    return this.alone(async () => {
      const added = stripped({ id: crypto.randomUUID(), added: new Date().toISOString(), ...photo }, picture);
      const there = (await this.photosOf(added.spot)).filter(({ id }) => id !== added.id);
      const spot = await this.summed(await this.spot(added.spot), inOrder([...there, added]));
      await this.write([
        ["spots", "put", await this.record("spots", spot)],
        ["photos", "put", await this.record("photos", added)],
        ["pictures", "put", await this.bytes("pictures", added.id, picture.bytes)],
        ["thumbnails", "put", await this.bytes("thumbnails", added.id, small.bytes)],
      ]);
      this.told({ spot: spot.id });
      return added;
    });
  }

  /** change: the fields that replace a photo's, or a function of the photo that returns them. Returns it. */
  async changePhoto(id, change) {
    return this.alone(async () => {
      const old = await this.photo(id), photo = { ...old, ...(typeof change === "function" ? change(old) : change) };
      const photos = (await this.photosOf(photo.spot)).map((other) => (other.id === id ? photo : other));
      const spot = await this.summed(await this.spot(photo.spot), inOrder(photos));
      await this.write([["spots", "put", await this.record("spots", spot)], ["photos", "put", await this.record("photos", photo)]]);
      this.told({ spot: spot.id });
      return photo;
    });
  }

  /** Photos that version 1 kept lose all but their pictures, one by one. Returns the ids of those that cannot be opened here. */
  async stripEarlier() {
    const left = [];
    if (!(await this.setting(UNSTRIPPED))) return left;
    for (const id of await this.database.getAllKeys("photos")) {
      try {
        await this.alone(() => this.strip(id));
      } catch (problem) {
        if (!["unreadable", "damaged"].includes(problem.code)) throw problem;
        left.push(id);
      }
    }
    if (!left.length) await this.alone(() => this.write([["settings", "delete", UNSTRIPPED]]));
    return left;
  }

  async strip(id) {
    if (!(await this.database.getKey("photos", id))) return; // thrown away meanwhile
    const [old, file] = [await this.photo(id), await this.read("pictures", id)], picture = await withoutMetadata(file, old.type, this.limits);
    if (!picture.size && picture.bytes.byteLength === file.byteLength) return;
    await this.write([["photos", "put", await this.record("photos", stripped(old, picture))], ["pictures", "put", await this.bytes("pictures", id, picture.bytes)]]);
  }

  async forgetPhoto(id) {
    await this.alone(async () => {
      const photo = await this.photo(id), rest = (await this.photosOf(photo.spot)).filter((other) => other.id !== id);
      const spot = await this.summed(await this.spot(photo.spot), rest);
      await this.write([["spots", "put", await this.record("spots", spot)], ...["photos", ...BYTES].map((name) => [name, "delete", id])]);
      this.told({ spot: spot.id });
    });
  }

  async forgetSpot(id) {
    await this.alone(async () => {
      const photos = await this.database.getAllKeysFromIndex("photos", "spot", id);
      await this.write([["spots", "delete", id], ...photos.flatMap((photo) => ["photos", ...BYTES].map((name) => [name, "delete", photo]))]);
      this.told({ spot: id });
    });
  }

  /** Also where the passphrase is forgotten: what cannot be read can still be thrown away. */
  async forgetEverything() {
    try {
      await this.write(ALL.map((name) => [name, "clear"]));
    } catch (problem) {
      throw named(problem);
    }
    Object.assign(this, { lock: null, vault: null });
    this.told({ everything: true });
  }

  // --- the lock -----------------------------------------------------------------------------------------------------
  /** What the settings say of it; another tab may have locked or opened the diary. */
  async readLock() {
    const lock = await this.setting("lock");
    if (this.vault && lock?.kept.salt.join() !== this.lock?.kept.salt.join()) this.vault = null;
    this.lock = lock;
  }

  /** Throws DiaryProblem "passphrase". Goes on with what a closed tab left half done. */
  async unlock(passphrase) {
    await this.readLock();
    if (!this.lock) return;
    this.vault = await Vault.open(passphrase, this.lock.kept);
    if (this.lock.state !== "sealed") await this.finishLock(() => {});
  }

  /** From now on everything is sealed, at last also what was there. report: called with the share that is done. */
  async seal(passphrase, report = () => {}) {
    await this.alone(async () => {
      if (this.lock) throw new DiaryProblem("locked");
      const { vault, kept } = await Vault.create(passphrase);
      const lock = { state: "sealing", kept };
      await this.write([["settings", "put", { name: "lock", value: lock }]]);
      Object.assign(this, { vault, lock });
    });
    this.told({ lock: true });
    await this.finishLock(report);
  }

  async unseal(report = () => {}) {
    await this.alone(async () => {
      if (!this.lock) return;
      this.lock = { ...this.lock, state: "opening" };
      await this.write([["settings", "put", { name: "lock", value: this.lock }]]);
    });
    if (this.lock) await this.finishLock(report);
  }

  /** Record by record, each in a transaction of its own: plain and sealed ones lie side by side until all are done. */
  async finishLock(report) {
    const names = [...RECORDS, ...BYTES], keys = [];
    for (const name of names) for (const id of await this.database.getAllKeys(name)) keys.push([name, id]);
    let done = 0;
    for (const [name, id] of keys) {
      await this.alone(async () => {
        const record = await this.database.get(name, id);
        if (!record || Boolean(record.box) === this.seals) return; // thrown away meanwhile, or done already
        const value = await this.opened(name, record);
        await this.write([[name, "put", RECORDS.includes(name) ? await this.record(name, value) : await this.bytes(name, id, value)]]);
      });
      report(++done / keys.length);
    }
    await this.alone(async () => {
      if (!this.lock) return;
      const step = this.seals ? ["settings", "put", { name: "lock", value: { ...this.lock, state: "sealed" } }] : ["settings", "delete", "lock"];
      await this.write([step]);
      if (!this.seals) Object.assign(this, { lock: null, vault: null });
      await this.readLock();
    });
    this.told({ lock: true });
  }

  /** The key leaves the page's memory. */
  forgetKey() { this.vault = null; }

  // --- room on the device -------------------------------------------------------------------------------------------
  /** Bytes that this page's storage takes, and may take (null: the browser does not say), and whether it may be cleared. */
  async room() {
    const { usage = null, quota = null } = (await navigator.storage?.estimate?.()) ?? {};
    return { usage, quota, persisted: (await navigator.storage?.persisted?.()) ?? false };
  }

  /** Asks the browser not to clear it when space is short. Firefox asks the visitor in turn: the answer may never come. */
  async persist() {
    try { return (await navigator.storage?.persist?.()) ?? false; } catch { return false; }
  }
}

export function inOrder(photos) {
  return photos.sort((one, other) => one.taken.localeCompare(other.taken) || one.added.localeCompare(other.added) || one.id.localeCompare(other.id));
}
