/** Keeps the rate limiter off the path of most requests. */
import { LIMITS } from "./limits.ts";

/**
 * Asks the limiter once for many requests: a permission is credit for `LIMITS.requestsPerPermit` of them in this isolate.
 * The limiter counts permissions; who has used up theirs is refused until it grants another.
 */
export function requestCredit(permit: (caller: string) => Promise<boolean>): (caller: string) => Promise<boolean> {
  const creditByCaller = new Map<string, number>();
  return async (caller) => {
    const credit = creditByCaller.get(caller) ?? 0;
    if (creditByCaller.size >= LIMITS.keyCacheEntries) creditByCaller.clear();
    creditByCaller.set(caller, (credit > 0 ? credit : LIMITS.requestsPerPermit) - 1);
    if (credit > 0) return true;
    // The new credit is lent already, so that requests which come together ask once.
    if (await permit(caller)) return true;
    creditByCaller.delete(caller);
    return false;
  };
}
