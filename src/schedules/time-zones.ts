/** Time zones by their names in the IANA database, as the runtime knows them. */
import { nearest } from "../shared/text.ts";

/** Anything is close to a shorter word. */
const SHORTEST_HINT = 5;

export function isTimeZone(text: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: text }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

/** The zone that was probably meant: by its whole name, else by that of its city; `null` when none is close. */
export function nearestTimeZone(text: string): string | null {
  const zones = Intl.supportedValuesOf("timeZone");
  const [area = "", ...rest] = text.split("/");
  const ofArea = zones.filter((zone) => zone.toLowerCase().startsWith(`${area.toLowerCase()}/`));
  const close = rest.length === 0 ? null : nearest(text, ofArea);
  if (close !== null) return close;
  const zoneByCity = new Map(zones.map((zone) => [cityOf(zone), zone]));
  const city = cityOf(text.replaceAll(/\s+/g, "_"));
  const exact = zoneByCity.get(city);
  if (exact !== undefined) return exact;
  if (city.length < SHORTEST_HINT) return null;
  // Those that begin alike: looking at all four hundred of them is not what a hint is worth.
  const alike = nearest(
    city,
    [...zoneByCity.keys()].filter((known) => known.startsWith(city.slice(0, 1))),
  );
  return alike === null ? null : (zoneByCity.get(alike) ?? null);
}

const cityOf = (zone: string): string => (zone.split("/").at(-1) ?? "").toLowerCase();
