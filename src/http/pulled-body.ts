/** A body that is made while it is taken: whoever reads slowly keeps no more than one chunk of it in memory. */

/** `bytes`: how many there will be, where that is known. When `chunks` throws, the connection breaks. */
export function pulledBody(chunks: AsyncGenerator<Uint8Array, void, undefined>, bytes?: number): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        const { done, value } = await chunks.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      cancel: async () => void (await chunks.return()),
      ...(bytes !== undefined && { expectedLength: bytes }),
    },
    // Nothing is asked for before somebody wants it.
    { highWaterMark: 0 },
  );
}
