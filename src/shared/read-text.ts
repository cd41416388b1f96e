/** Reads a body of unknown size without letting it fill the memory. */
export class TooLarge extends Error {}

/** The body as text. Throws `TooLarge` past `maxBytes`, and with `fatal` a `TypeError` where it is not UTF-8. */
export async function readText(message: Response | Request, maxBytes: number, options: { readonly fatal?: boolean } = {}): Promise<string> {
  const declared = Number(message.headers.get("content-length") ?? 0);
  if (declared > maxBytes) {
    await message.body?.cancel();
    throw new TooLarge();
  }
  if (message.body === null) return "";
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of message.body as ReadableStream<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw new TooLarge();
    chunks.push(chunk);
  }
  // One decoding at the end: a code point may span chunks, and the text is needed whole anyway.
  const whole = chunks.length === 1 ? (chunks[0] as Uint8Array) : concatenate(chunks, bytes);
  return new TextDecoder("utf-8", { fatal: options.fatal ?? false, ignoreBOM: false }).decode(whole);
}

function concatenate(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}
