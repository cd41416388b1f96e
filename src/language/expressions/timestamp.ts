/** A moment as it is written: RFC 3339, a date that there is, a time and its zone. */
import type { Rules } from "../rules.ts";

const FORM = /^(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:[Zz]|[+-](\d\d):(\d\d))$/;
const EARLIEST = Date.parse("0001-01-01T00:00:00Z");
const LATEST = Date.parse("9999-12-31T23:59:59.999Z");

/** `null` where it is none. Tasks of the first rules take what JavaScript reads. */
export function dateOf(text: string, rules: Rules): Date | null {
  if (text.length < 20 || text.length > 35) return null;
  if (rules > 0 && !isWritten(text)) return null;
  if (rules === 0 && text.length > 30) return null;
  const date = new Date(text.toUpperCase());
  const at = date.getTime();
  return at >= EARLIEST && at <= LATEST ? date : null;
}

function isWritten(text: string): boolean {
  const found = FORM.exec(text);
  if (found === null) return false;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, zoneHour = 0, zoneMinute = 0] = found
    .slice(1)
    .map((part: string | undefined) => Number(part ?? 0));
  if (hour > 23 || minute > 59 || second > 59 || zoneHour > 23 || zoneMinute > 59) return false;
  // The last day of a month is the one before the first of the next.
  return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
}
