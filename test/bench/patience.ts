/** Every wait of the bench has an end, and says what it waited for. */

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What the work comes to, or an error when that takes too long. */
export async function within<T>(what: string, ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(inVain(what, ms)), ms);
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}

/** Looks again and again until it is so. */
export async function until(what: string, ms: number, isSo: () => boolean | Promise<boolean>, everyMs = 5): Promise<void> {
  for (const end = Date.now() + ms; !(await within(what, Math.max(1, end - Date.now()), Promise.resolve(isSo()))); await pause(everyMs))
    if (Date.now() > end) throw inVain(what, ms);
}

/** A request and its answer's text. */
export async function answerTo(
  url: string,
  ms: number,
  init: RequestInit = {},
): Promise<{ readonly status: number; readonly text: string }> {
  const what = `${init.method ?? "GET"} ${url}`;
  const request = async () => {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(ms) });
    return { status: response.status, text: await response.text() };
  };
  return within(what, ms + 1_000, request()).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === "TimeoutError") throw inVain(what, ms);
    const why = error instanceof Error ? (error.cause ?? error) : error;
    throw new Error(`${what}: ${String(why)}`, { cause: error });
  });
}

const inVain = (what: string, ms: number): Error => new Error(`Waited ${(ms / 1_000).toFixed(0)} s in vain: ${what}`);
