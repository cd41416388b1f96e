/** Where a request comes from, as far as one caller is told from another by it. */

/** The network that an address is in: an IPv6 address stands for its /64, of which a caller has all; any other text for itself. */
export function networkOf(address: string): string {
  const text = address.trim().toLowerCase();
  const groups = ipv6Groups(text);
  if (groups === null) return text;
  const mapped = IPV4_MAPPED.exec(text)?.[1];
  return mapped ?? `${groups.slice(0, 4).join(":")}::/64`;
}

const IPV4_MAPPED = /^(?:0{0,4}:){0,5}:?ffff:(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})$/;

/** The eight groups without leading zeros, or `null` where it is no IPv6 address. */
function ipv6Groups(text: string): readonly string[] | null {
  if (text.length > 45 || !text.includes(":")) return null;
  const [withoutZone = ""] = text.split("%", 1);
  const plain = withoutZone.replace(/(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/, "0:0");
  const halves = plain.split("::");
  if (halves.length > 2) return null;
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const missing = halves.length === 2 ? 8 - head.length - tail.length : 0;
  const groups = [...head, ...Array<string>(Math.max(missing, 0)).fill("0"), ...tail];
  if (groups.length !== 8 || !groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))) return null;
  return groups.map((group) => Number.parseInt(group, 16).toString(16));
}
