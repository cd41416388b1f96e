/** Keeps the rate limiter off the path of most requests. */
import { LIMITS } from "./limits.ts";

export interface Credit {
  /** Whether a caller may make one more. */
  readonly take: (caller: string) => Promise<boolean>;
  /** It did not count after all. */
  readonly giveBack: (caller: string) => void;
}

/** What a caller has left; `askAgainAt`: it was refused, and the limiter is asked again from then on. */
interface Account {
  readonly left: number;
  readonly askAgainAt: number | null;
}

/**
 * Asks the limiter once for many requests: a permission is credit for `perPermit` of them in this isolate. The limiter counts
 * permissions; who has used up theirs is refused until it grants another, and for that it is asked once a second.
 */
export function requestCredit(permit: (caller: string) => Promise<boolean>, perPermit: number): Credit {
  const accounts = new Map<string, Account>();
  const set = (caller: string, account: Account): void => {
    accounts.delete(caller);
    accounts.set(caller, account);
    // Whoever has not asked for longest is forgotten, so that many new callers do not lend the old ones anything.
    for (const oldest of accounts.keys()) {
      if (accounts.size <= LIMITS.keyCacheEntries) break;
      accounts.delete(oldest);
    }
  };
  const refuse = (caller: string): boolean => {
    set(caller, { left: 0, askAgainAt: Date.now() + LIMITS.refusedMs });
    return false;
  };
  const grant = (caller: string, left: number): boolean => {
    set(caller, { left, askAgainAt: null });
    return true;
  };
  return {
    take: async (caller) => {
      const { left, askAgainAt } = accounts.get(caller) ?? NEW;
      if (askAgainAt !== null) {
        if (Date.now() < askAgainAt) return false;
        refuse(caller);
        return (await permit(caller)) && grant(caller, perPermit - 1);
      }
      // New credit is lent before it is granted, so that requests which come together ask once.
      grant(caller, (left > 0 ? left : perPermit) - 1);
      return left > 0 || (await permit(caller)) || refuse(caller);
    },
    giveBack: (caller) => {
      const account = accounts.get(caller);
      if (account !== undefined && account.askAgainAt === null) grant(caller, Math.min(account.left + 1, perPermit));
    },
  };
}

const NEW: Account = { left: 0, askAgainAt: null };
