// Days and minutes as the visitor's own clock has them ("2026-11-29T09:30"), and how a language writes them.

const two = (number) => String(number).padStart(2, "0");

export function localMinute(date) {
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

const formats = new Map(); // making one takes longer than using it a hundred times

/** A day or minute as "Nov 29, 2026"; timed: with the hour and minute. */
export function dateOf(words, text, timed = false) {
  const name = `${words.language} ${timed}`, style = { dateStyle: "medium", ...(timed ? { timeStyle: "short" } : {}) };
  if (!formats.has(name)) formats.set(name, new Intl.DateTimeFormat(words.language, style));
  // JavaScript takes a day alone for midnight in Greenwich, which is the day before in America.
  return formats.get(name).format(new Date(text.includes("T") ? text : `${text}T12:00`));
}

/** The dates of photos, with the time where two photos have the same date. */
export function datesOf(words, photos) {
  const days = photos.map(({ taken }) => dateOf(words, taken));
  return photos.map(({ taken }, at) => (days.filter((day) => day === days[at]).length > 1 ? dateOf(words, taken, true) : days[at]));
}

/** The day `months` after a day, or the last one of a shorter month. */
export function monthsAfter(text, months) {
  const from = new Date(text), day = from.getDate(), after = new Date(from.getFullYear(), from.getMonth() + months, 1);
  after.setDate(Math.min(day, new Date(after.getFullYear(), after.getMonth() + 1, 0).getDate()));
  return localMinute(after).slice(0, 10);
}

/** The day on which a spot wants its next photo ("2026-12-29"), or null. */
export function dueDay({ months, last, created }) {
  if (!months) return null;
  return last ? monthsAfter(last.taken, months) : localMinute(new Date(created)).slice(0, 10);
}

export const today = () => localMinute(new Date()).slice(0, 10);
export const isDue = (spot) => { const day = dueDay(spot); return day !== null && day <= today(); };

const STAMP = /(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):\d\d/g;

/** When a photo's file says that it was taken, or null: the earliest of the times in the head of a JPEG or HEIC file. */
export async function takenOf(file) {
  const head = new TextDecoder("latin1").decode(await file.slice(0, 128 * 1024).arrayBuffer()), now = localMinute(new Date());
  const found = [...head.matchAll(STAMP)].map(([, year, month, day, hour, minute]) => `${year}-${month}-${day}T${hour}:${minute}`);
  return found.filter((time) => time > "1990" && time <= now && !Number.isNaN(Date.parse(time))).sort()[0] ?? null;
}
