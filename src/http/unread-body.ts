/** What is left of a body when its request is answered early. */
import { LIMITS } from "./limits.ts";

/**
 * Reads the rest of a body and forgets it, unparsed: a connection that is closed while its client still sends is reset, and
 * the answer is lost with it. Past the bounds the answer goes out anyway.
 */
export async function discardRest({ body }: Request): Promise<void> {
  if (body === null || body.locked) return;
  const reader = body.getReader();
  const patience = new AbortController();
  const impatient = scheduler.wait(LIMITS.discardMs, { signal: patience.signal }).then(
    () => null,
    () => null,
  );
  try {
    for (let left: number = LIMITS.discardBytes; left > 0;) {
      const read = await Promise.race([reader.read(), impatient]);
      if (read === null || read.done) return;
      left -= read.value.byteLength;
    }
  } catch {
    // The client is gone.
  } finally {
    patience.abort();
    await reader.cancel().catch(() => {});
  }
}
