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

/** Numbers in [0, 1), one after the other, always the same for a seed (Chris Doty-Humphrey's sfc32). For simulations; not secret. */
export function randomFrom(seed: string): () => number {
  let [a, b, c, counter] = [hashText(seed, 31), hashText(seed, 37), hashText(seed, 41), 1];
  const next = (): number => {
    const sum = (a + b + counter++) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 2 ** 32;
  };
  // Seeds that look alike have parted after some rounds.
  for (let round = 0; round < 15; round++) next();
  return next;
}
