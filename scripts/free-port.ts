import { createServer } from "node:net";

/** Below those that the system gives to whoever calls out: one of them could take the port before its server does. */
const LOWEST = 10_000;
const HIGHEST = 30_000;
const TRIES = 100;

/** A loopback port that nobody listens on now. */
export async function freePort(): Promise<number> {
  for (let left = TRIES; left > 0; left--) {
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (await isFree(port)) return port;
  }
  throw new Error(`No free port among ${TRIES} between ${LOWEST} and ${HIGHEST}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
