/** What was done lately, to answer again instead of doing it again: bounded by number and by bytes, the least used goes first. */
export class RecentResults {
  readonly #maxResults: number;
  readonly #maxBytes: number;
  /** In the order of their last use. */
  readonly #textByKey = new Map<string, string>();
  #bytes = 0;

  constructor(maxResults: number, maxBytes: number) {
    this.#maxResults = maxResults;
    this.#maxBytes = maxBytes;
  }

  get(key: string): string | undefined {
    const text = this.#textByKey.get(key);
    if (text === undefined) return undefined;
    this.#textByKey.delete(key);
    this.#textByKey.set(key, text);
    return text;
  }

  /** A result that is larger than everything that may be kept is not kept. */
  set(key: string, text: string): void {
    this.#delete(key);
    this.#textByKey.set(key, text);
    this.#bytes += bytesOf(key, text);
    for (const oldest of this.#textByKey.keys()) {
      if (this.#textByKey.size <= this.#maxResults && this.#bytes <= this.#maxBytes) return;
      this.#delete(oldest);
    }
  }

  #delete(key: string): void {
    const text = this.#textByKey.get(key);
    if (text === undefined) return;
    this.#textByKey.delete(key);
    this.#bytes -= bytesOf(key, text);
  }
}

/** What a runtime holds at most: two bytes for a character. */
function bytesOf(key: string, text: string): number {
  return 2 * (key.length + text.length);
}
