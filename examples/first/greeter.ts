import { defineAgent } from "orchestrator/kit";
import { createPuller } from "orchestrator/kit/puller";

const agent = defineAgent({
  id: "greeter",
  capabilities: ["greet"],
  execute: ({ name }: { name: string }) => `Hello, ${name}`,
});

const { API = "", AGENT_KEY = "" } = process.env;
await createPuller({ api: API, key: AGENT_KEY, agent, concurrency: 4 }).run(new AbortController().signal);
