/** A request that is worth a few tries, further and further apart. What then is not done, the alarm finds again. */
import { log, messageOf } from "../shared/log.ts";
import { LIMITS } from "../shared/limits.ts";

export async function insist(what: string, request: () => Promise<void>): Promise<void> {
  for (let pauseMs = LIMITS.lostPauseMs; ; pauseMs *= 4) {
    try {
      return await request();
    } catch (error) {
      log("warn", what, { error: messageOf(error) });
      if (pauseMs > LIMITS.lostPauseMs * 20) return;
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
