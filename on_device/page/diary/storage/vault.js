// The passphrase: PBKDF2 with SHA-256 makes a key of it, and AES-GCM seals with that. docs/diary.md says what is sealed.
import { DiaryProblem } from "./problem.js";

export const ROUNDS = 600_000;
const MOST_ROUNDS = 10_000_000; // a file that asks for more would only keep the phone busy
const SALT = 16, NONCE = 12, KEY_BITS = 256;
export const CHUNK = 4 * 1024 * 1024;
const encoder = new TextEncoder(), decoder = new TextDecoder();

export const random = (length) => crypto.getRandomValues(new Uint8Array(length));
export const base64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
export function unbase64(text) {
  try { return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)); } catch { throw new DiaryProblem("damaged"); }
}

/** passphrase: as typed; the same letters typed on another keyboard are the same passphrase. */
async function keyOf(passphrase, salt, rounds) {
  if (!(Number.isInteger(rounds) && rounds >= ROUNDS && rounds <= MOST_ROUNDS)) throw new DiaryProblem("damaged");
  const typed = await crypto.subtle.importKey("raw", encoder.encode(passphrase.normalize("NFKC")), "PBKDF2", false, ["deriveKey"]);
  return crypto.subtle.deriveKey({ name: "PBKDF2", hash: "SHA-256", salt, iterations: rounds }, typed, { name: "AES-GCM", length: KEY_BITS }, false, ["encrypt", "decrypt"]);
}

async function encrypt(key, bytes, about) {
  const nonce = random(NONCE);
  const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce, additionalData: encoder.encode(about) }, key, bytes);
  return { nonce, sealed: new Uint8Array(sealed) };
}

async function decrypt(key, { nonce, sealed }, about) {
  return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: nonce, additionalData: encoder.encode(about) }, key, sealed));
}

/** A key that seals records. about: where a record lies, so that none can be put in another's place. */
export class Vault {
  constructor(key) { this.key = key; }

  /** A new key, and what is kept of it: itself, sealed with the passphrase. */
  static async create(passphrase) {
    const bytes = random(KEY_BITS / 8), salt = random(SALT);
    const { nonce, sealed } = await encrypt(await keyOf(passphrase, salt, ROUNDS), bytes, "key");
    return { vault: await Vault.of(bytes), kept: { kdf: "PBKDF2-SHA-256", rounds: ROUNDS, salt, nonce, sealed } };
  }

  /** Throws DiaryProblem "passphrase" where it is another one. */
  static async open(passphrase, { rounds, salt, nonce, sealed }) {
    const key = await keyOf(passphrase, salt, rounds);
    try {
      return await Vault.of(await decrypt(key, { nonce, sealed }, "key"));
    } catch (problem) {
      throw new DiaryProblem("passphrase", problem);
    }
  }

  static async of(bytes) {
    return new Vault(await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]));
  }

  async seal(bytes, about) { return encrypt(this.key, bytes, about); }

  async unseal(record, about) {
    try { return await decrypt(this.key, record, about); } catch (problem) { throw new DiaryProblem("damaged", problem); }
  }

  async sealJson(value, about) { return this.seal(encoder.encode(JSON.stringify(value)), about); }
  async unsealJson(record, about) { return JSON.parse(decoder.decode(await this.unseal(record, about))); }

  /** A blob piece by piece, so that no memory has to hold it: each piece is a nonce and what it seals. */
  async sealBlob(blob, about) {
    const parts = [], count = Math.max(1, Math.ceil(blob.size / CHUNK));
    for (let at = 0; at < count; at++) {
      const piece = await blob.slice(at * CHUNK, (at + 1) * CHUNK).arrayBuffer();
      const { nonce, sealed } = await this.seal(piece, `${about} ${at} of ${count}`);
      parts.push(new Blob([nonce, sealed]));
    }
    return new Blob(parts);
  }

  async unsealBlob(blob, about) {
    const whole = NONCE + CHUNK + 16, parts = [], count = Math.max(1, Math.ceil(blob.size / whole));
    for (let at = 0; at < count; at++) {
      const piece = new Uint8Array(await blob.slice(at * whole, (at + 1) * whole).arrayBuffer());
      parts.push(new Blob([await this.unseal({ nonce: piece.subarray(0, NONCE), sealed: piece.subarray(NONCE) }, `${about} ${at} of ${count}`)]));
    }
    return new Blob(parts);
  }
}
