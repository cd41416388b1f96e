/** Waiting for what is about to be so. */

/** Resolves once `check` holds. Rejects, naming what it waited for, when it has not for long. */
export async function until(what: string, check: () => boolean | Promise<boolean>, everyMs = 20, patienceMs = 240_000): Promise<void> {
  for (const end = Date.now() + patienceMs; Date.now() < end; await pause(everyMs)) if (await check()) return;
  throw new Error(`In vain waited for: ${what}`);
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const startedAt = performance.now();

/** A line with the time since the start. */
export function say(text: string): void {
  console.log(`${((performance.now() - startedAt) / 1_000).toFixed(1).padStart(6)} s  ${text}`);
}
