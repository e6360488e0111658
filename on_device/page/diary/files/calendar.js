// A reminder for any calendar (RFC 5545): the spot's place, each month, and nothing else. No server is asked.
import { nameOf } from "../body.js";
import { dueDay, localMinute, today } from "../dates.js";

const LONGEST = 75; // octets of a line
const escaped = (text) => text.replace(/[\\;,]/g, "\\$&").replace(/\r?\n/g, "\\n");

/** A content line in pieces of 75 octets, never cut within a letter. */
function folded(line) {
  const lines = [""], encoder = new TextEncoder();
  for (const letter of line) {
    if (encoder.encode(lines.at(-1) + letter).length > LONGEST) lines.push(" ");
    lines[lines.length - 1] += letter;
  }
  return lines.join("\r\n");
}

/** The file's text for one spot, from the day its next photo is due. */
export function calendar(words, spot, now = new Date()) {
  const due = [dueDay(spot) ?? today(), today()].sort().at(-1), start = new Date(`${due}T12:00`);
  // Calendars leave out a month that has no such day.
  if (start.getDate() > 28) start.setMonth(start.getMonth() + 1, 1);
  const [day, next] = [0, 1].map((later) => localMinute(new Date(start.getFullYear(), start.getMonth(), start.getDate() + later)).slice(0, 10).replaceAll("-", ""));
  const months = Math.max(spot.months, 1), text = escaped(spot.place ? words.say("diary.reminder.text", { place: nameOf(words, spot.place) }) : words.say("diary.reminder.anywhere"));
  const lines = [
    "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Self Skin Check//My spots//EN", "CALSCALE:GREGORIAN", "BEGIN:VEVENT",
    `UID:${spot.id}@self-skin-check`, `DTSTAMP:${now.toISOString().replace(/[-:]|\.\d+/g, "")}`, `DTSTART;VALUE=DATE:${day}`, `DTEND;VALUE=DATE:${next}`,
    `RRULE:FREQ=MONTHLY${months > 1 ? `;INTERVAL=${months}` : ""}`, `SUMMARY:${text}`, "TRANSP:TRANSPARENT",
    "BEGIN:VALARM", "ACTION:DISPLAY", `DESCRIPTION:${text}`, "TRIGGER:PT9H", "END:VALARM", "END:VEVENT", "END:VCALENDAR",
  ];
  return `${lines.map(folded).join("\r\n")}\r\n`;
}
