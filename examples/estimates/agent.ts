/** One of the roster as a process of its own, written with the kit: `node agent.ts <port> <id>`. */
import { setTimeout as pause } from "node:timers/promises";
import { AgentError, defineAgent } from "orchestrator/kit";
import { serve, signingSecret } from "../setup/serve.ts";
import { memberNamed } from "./roster.ts";

const { id, capability, ms, fails = 0, price, usage } = memberNamed(process.argv[3]);

serve(
  defineAgent({
    id,
    secret: signingSecret(),
    capabilities: [{ name: capability, ...(price && { price }) }],
    execute: async (input, context) => {
      const takes = ms(Math.random());
      if (takes > 0) await pause(takes);
      if (Math.random() < fails) throw new AgentError({ code: "not_now", message: "something went wrong", status: 503 });
      if (usage !== undefined) context.usage(usage(Math.random()));
      return { by: id, input };
    },
  }),
);
