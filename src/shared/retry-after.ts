/**
 * `Retry-After` as seconds or as a date (RFC 9110), in milliseconds from `now`; `null` where it says nothing that can be read.
 * A fraction of a second, which the standard does not have, is read as it is meant. A date in the past asks for nothing: 0.
 */
export function parseRetryAfter(value: string | null, now: number): number | null {
  const text = value?.trim() ?? "";
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1_000);
  const at = httpDate(text, now);
  return at === null ? null : Math.max(0, at - now);
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const TIME = "(?<time>\\d\\d:\\d\\d:\\d\\d)";
const MONTH = `(?<month>${MONTHS.join("|")})`;
/** The date that is in use, and the two that are obsolete and must be read. */
const HTTP_DATES = [
  new RegExp(`^[A-Z][a-z]{2}, (?<day>\\d\\d) ${MONTH} (?<year>\\d{4}) ${TIME} GMT$`),
  new RegExp(`^[A-Z][a-z]{5,8}, (?<day>\\d\\d)-${MONTH}-(?<year>\\d\\d) ${TIME} GMT$`),
  new RegExp(`^[A-Z][a-z]{2} ${MONTH} (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`),
];

/** `Date.parse` takes far more for a date than HTTP does, "1.5" among it. */
function httpDate(text: string, now: number): number | null {
  for (const form of HTTP_DATES) {
    const { day, month, year, time } = form.exec(text)?.groups ?? {};
    if (day === undefined || month === undefined || year === undefined || time === undefined) continue;
    const [hours = 0, minutes = 0, seconds = 0] = time.split(":").map(Number);
    const of = (fullYear: number): number => Date.UTC(fullYear, MONTHS.indexOf(month), Number(day), hours, minutes, seconds);
    if (year.length === 4) return of(Number(year));
    // Two digits that would be more than fifty years ahead are of the past.
    const inCentury = of(Math.floor(new Date(now).getUTCFullYear() / 100) * 100 + Number(year));
    return inCentury > now + FIFTY_YEARS_MS ? 0 : inCentury;
  }
  return null;
}

const FIFTY_YEARS_MS = 50 * 365.25 * 24 * 3_600_000;
