/** Reads a body of unknown size without letting it fill the memory. */
export class TooLarge extends Error {}

/** Where it matters how much is in memory: asked before each part is kept. */
export interface ReadingRoom {
  readonly take: (bytes: number) => Promise<void>;
}

interface Reading {
  readonly fatal?: boolean;
  readonly room?: ReadingRoom | undefined;
}

/**
 * The body as text. Throws `TooLarge` past `maxBytes`, and a `TypeError` where it is not UTF-8 and that matters (`fatal`).
 * What is too large is read no further: a response is hung up, the rest of a request is left to whoever answers it.
 */
export async function readText(message: Response | Request, maxBytes: number, options: Reading = {}): Promise<string> {
  try {
    return await boundedText(message, maxBytes, options);
  } catch (error) {
    if (error instanceof TooLarge && message instanceof Response) await message.body?.cancel();
    throw error;
  }
}

async function boundedText(message: Response | Request, maxBytes: number, options: Reading): Promise<string> {
  const declared = message.headers.get("content-length");
  if (declared !== null && Number(declared) > maxBytes) throw new TooLarge();
  const decoder = options.fatal ? STRICT : LENIENT;
  // A declared length is what the runtime reads, no more; only an undeclared one has to be counted.
  if (declared === null || message.headers.has("content-encoding"))
    return decoder.decode(await countedBytes(message, maxBytes, options.room));
  await options.room?.take(Number(declared));
  return options.fatal ? decoder.decode(await message.arrayBuffer()) : message.text();
}

const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
const LENIENT = new TextDecoder();

async function countedBytes(message: Response | Request, maxBytes: number, room: ReadingRoom | undefined): Promise<Uint8Array> {
  if (message.body === null) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = (message.body as ReadableStream<Uint8Array>).getReader();
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      length += read.value.byteLength;
      if (length > maxBytes) throw new TooLarge();
      await room?.take(read.value.byteLength);
      chunks.push(read.value);
    }
  } finally {
    reader.releaseLock();
  }
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : concatenate(chunks, length);
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
