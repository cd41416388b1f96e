/** A number in [0, 1) that depends on nothing but the text: reproducible randomness, as for retry jitter. */
export function unitFromText(text: string): number {
  return hashText(text, 0) / 2 ** 32;
}

/** 16 hexadecimal digits that depend on nothing but the text, such as the id of a span. */
export function hexFromText(text: string): string {
  return (hashText(text, 1) + 2 ** 32).toString(16).slice(1) + (hashText(text, 2) + 2 ** 32).toString(16).slice(1);
}

/** 32 bits: FNV-1a with a murmur finalizer; well spread, not secret. */
export function hashText(text: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
