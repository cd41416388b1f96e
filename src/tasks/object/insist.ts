/** A request that is worth a few tries, further and further apart. What then is not done, the alarm finds again. */
import { log, messageOf } from "../../shared/log.ts";
import { LIMITS } from "../limits.ts";

/** Whether it was answered. */
export async function insist(what: string, request: () => Promise<void>): Promise<boolean> {
  for (let pauseMs = LIMITS.lostPauseMs; ; pauseMs *= 4) {
    try {
      await request();
      return true;
    } catch (error) {
      log("warn", what, { error: messageOf(error) });
      if (pauseMs > LIMITS.lostPauseMs * 20) return false;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
