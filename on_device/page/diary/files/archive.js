// The whole diary as one ZIP and back: docs/diary.md describes its files. The same diary always gives the same bytes.
import { DiaryProblem } from "../storage/problem.js";
import { readablePage } from "./readable.js";
import { base64, unbase64, Vault } from "../storage/vault.js";
import { readZip, ZipWriter } from "./zip.js";

export const FORMAT = "self-skin-check-diary", SCHEMA = 1;
const FILE = "diary.json", PAGE = "index.html", SEALED = "diary.zip.sealed", KEY = "encryption.json";
const MOST_JSON = 64 * 1024 * 1024, LONGEST_TEXT = 5000, MOST_PIXELS = 100_000;
export const TYPES = { "image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/heif": "heic" };
export const SIGNS = ["itches", "hurts", "bled", "crusted", "new", "grew", "colour"];
export const MONTHS = [0, 1, 2, 3, 6, 12];
const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, DAY = /^\d{4}-\d\d-\d\dT\d\d:\d\d$/, CODE = /^[a-z_]{1,30}$/;

async function sha256(blob) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * words: for the readable page. passphrase: or null. report: called with the share that is done. Returns {blob, left}; left:
 * how many photos are not in it, since this browser cannot open them to take out what the camera wrote.
 */
export async function exported(store, words, passphrase = null, report = () => {}) {
  const left = new Set(await store.stripEarlier()), zip = new ZipWriter(), spots = [], all = await store.spots();
  let done = 0;
  for (const { photos: count, first, last, ...spot } of all) {
    const photos = [];
    for (const photo of await store.photosOf(spot.id)) {
      if (left.has(photo.id)) continue;
      const { spot: _, ...own } = photo, picture = await store.picture(photo), name = `${spot.number}-${photo.taken.slice(0, 10)}-${photo.id.slice(0, 8)}`;
      const file = `photos/${name}.${TYPES[photo.type]}`, thumbnail = `thumbnails/${name}.jpg`;
      await zip.add(file, picture);
      await zip.add(thumbnail, await store.thumbnail(photo.id));
      photos.push({ ...own, file, thumbnail, sha256: await sha256(picture) });
    }
    spots.push({ ...spot, photos });
    report(++done / all.length);
  }
  await zip.add(FILE, `${JSON.stringify({ format: FORMAT, schema: SCHEMA, spots }, null, 1)}\n`);
  await zip.add(PAGE, readablePage(words, spots));
  return { blob: passphrase === null ? zip.blob() : await sealed(zip.blob(), words, passphrase), left: left.size };
}

async function sealed(blob, words, passphrase) {
  const { vault, kept } = await Vault.create(passphrase), outer = new ZipWriter();
  const { salt, nonce, sealed: key, ...how } = kept;
  await outer.add(KEY, `${JSON.stringify({ format: FORMAT, schema: SCHEMA, ...how, salt: base64(salt), nonce: base64(nonce), key: base64(key) }, null, 1)}\n`);
  await outer.add(SEALED, await vault.sealBlob(blob, SEALED));
  await outer.add("README.txt", `${words.say("diary.export.sealed_note")}\n`);
  return outer.blob();
}

/** Whether a file is an archive that asks for a passphrase. Throws as `readZip`. */
export async function isSealed(blob) { return (await readZip(blob)).has(KEY); }

/**
 * Brings back what an archive holds: spots and photos that the diary has already stay as they are. The whole archive is
 * checked before anything is written. Returns {added, left}: how many photos were new, and how many are not brought back,
 * since this browser cannot open them. Throws DiaryProblem.
 */
export async function imported(store, blob, passphrase = null, report = () => {}) {
  let files = await readZip(blob);
  if (files.has(KEY)) {
    const { salt, nonce, key, ...how } = checked(await json(files, KEY));
    if (how.kdf !== "PBKDF2-SHA-256" || ![salt, nonce, key].every((text) => typeof text === "string") || !files.has(SEALED)) throw new DiaryProblem("damaged_zip");
    const vault = await Vault.open(passphrase ?? "", { ...how, salt: unbase64(salt), nonce: unbase64(nonce), sealed: unbase64(key) });
    files = await readZip(await vault.unsealBlob(await files.get(SEALED)(), SEALED));
  }
  const { spots } = checked(await json(files, FILE));
  if (!isList(spots, isSpot)) throw new DiaryProblem("damaged_zip");
  const photos = spots.flatMap((spot) => spot.photos), ids = [...spots, ...photos].map(({ id }) => id);
  if (new Set(ids).size !== ids.length) throw new DiaryProblem("damaged_zip");
  let done = 0;
  for (const photo of photos) {
    if (![photo.file, photo.thumbnail].every((name) => files.has(name))) throw new DiaryProblem("damaged_zip");
    const [file] = await Promise.all([files.get(photo.file)(), files.get(photo.thumbnail)()]);
    if ((await sha256(file)) !== photo.sha256) throw new DiaryProblem("damaged_zip");
    report(++done / photos.length / 2);
  }
  const there = new Map((await store.spots()).map((spot) => [spot.id, spot]));
  let added = 0, left = 0;
  done = 0;
  for (const { photos: mine, ...spot } of spots) {
    const taken = [...there.values()].some(({ number }) => number === spot.number);
    if (!there.has(spot.id)) there.set(spot.id, await store.saveSpot(taken ? { ...spot, number: Math.max(...[...there.values()].map(({ number }) => number)) + 1 } : spot));
    const held = new Set((await store.photosOf(spot.id)).map(({ id }) => id));
    for (const { file, thumbnail, sha256: _, ...photo } of mine) {
      report(0.5 + ++done / photos.length / 2);
      if (held.has(photo.id)) continue;
      const [bytes, small] = await Promise.all([file, thumbnail].map(async (name) => (await files.get(name)()).arrayBuffer()));
      try {
        await store.addPhoto({ ...photo, spot: spot.id }, bytes, small);
        added++;
      } catch (problem) {
        if (problem.code !== "unreadable") throw problem;
        left++;
      }
    }
  }
  return { added, left };
}

async function json(files, name) {
  if (!files.has(name)) throw new DiaryProblem("foreign_zip");
  const blob = await files.get(name)();
  if (blob.size > MOST_JSON) throw new DiaryProblem("damaged_zip");
  try { return JSON.parse(await blob.text()); } catch (problem) { throw new DiaryProblem("damaged_zip", problem); }
}

function checked(value) {
  if (value?.format !== FORMAT) throw new DiaryProblem("foreign_zip");
  if (!Number.isInteger(value.schema) || value.schema < 1) throw new DiaryProblem("damaged_zip");
  if (value.schema > SCHEMA) throw new DiaryProblem("newer_zip");
  return value;
}

// --- what a file from elsewhere may say -------------------------------------------------------------------------------
const isList = (value, each) => Array.isArray(value) && value.every(each);
const isText = (value, most = LONGEST_TEXT) => typeof value === "string" && value.length <= most;
const isShare = (value) => typeof value === "number" && value >= 0 && value <= 1;
const isSize = (value) => Number.isInteger(value) && value > 0 && value <= MOST_PIXELS;
const isCode = (value) => value === null || CODE.test(value);
const isTime = (value) => isText(value, 40) && !Number.isNaN(Date.parse(value));
const only = (value, names) => Object.keys(value).every((name) => names.includes(name));

function isSpot(spot) {
  return spot !== null && typeof spot === "object" && only(spot, ["id", "number", "name", "place", "months", "created", "photos"])
    && ID.test(spot.id) && Number.isInteger(spot.number) && spot.number > 0 && isText(spot.name, 100) && MONTHS.includes(spot.months) && isTime(spot.created)
    && (spot.place === null || (["front", "back"].includes(spot.place?.side) && isShare(spot.place.x) && isShare(spot.place.y) && only(spot.place, ["side", "x", "y"])))
    && isList(spot.photos, isPhoto);
}

function isPhoto(photo) {
  return photo !== null && typeof photo === "object"
    && only(photo, ["id", "taken", "added", "type", "bytes", "width", "height", "region", "signs", "note", "scores", "size", "file", "thumbnail", "sha256"])
    && ID.test(photo.id) && DAY.test(photo.taken) && isTime(photo.taken) && isTime(photo.added) && Object.hasOwn(TYPES, photo.type) && Number.isInteger(photo.bytes)
    && isSize(photo.width) && isSize(photo.height) && (photo.region === null || (isList(photo.region, Number.isInteger) && photo.region.length === 4))
    && isList(photo.signs, (sign) => SIGNS.includes(sign)) && isText(photo.note) && isList(photo.scores, isScore)
    && (photo.size === null || (ID.test(photo.size?.against) && typeof photo.size.ratio === "number" && photo.size.ratio > 0 && only(photo.size, ["against", "ratio"])))
    && [photo.file, photo.thumbnail, photo.sha256].every((text) => isText(text, 200));
}

function isScore(score) {
  return score !== null && typeof score === "object" && only(score, ["release", "network", "at", "risk", "band", "refused"])
    && isText(score.release, 40) && isText(score.network, 80) && isTime(score.at)
    && (score.risk === null || isShare(score.risk)) && isCode(score.band) && isCode(score.refused) && (score.risk === null) === (score.band === null);
}
