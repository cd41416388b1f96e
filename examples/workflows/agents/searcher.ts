/** Searches sources. They are made up, and no better than real ones: one is busy at first, one is down. */
import { AgentError, defineAgent, type AttemptContext } from "orchestrator/kit";
import { serve, signingSecret } from "../../setup/serve.ts";

export interface Finding {
  readonly source: string;
  readonly text: string;
}

const SOURCES: Readonly<Record<string, readonly string[]>> = {
  web: [
    "Bees find their way home by the sun and by landmarks.",
    "City bees make more honey than country bees: parks flower longer than fields.",
    "A colony of bees survives the winter as a ball that keeps itself warm.",
  ],
  papers: [
    "Bees tell each other the way to flowers by a dance whose angle is that to the sun.",
    "Pesticides shorten the memory of bees, and with it the way home.",
  ],
  archive: ["In 1788 a book described the dance of bees, and nobody believed it.", "Owls were kept in bell towers to guard the grain."],
};

function search({ source, query }: { readonly source: string; readonly query: string }, { attempt }: AttemptContext): readonly Finding[] {
  if (source === "papers" && attempt === 1) throw new AgentError({ code: "busy", message: "the papers are being sorted", status: 503 });
  const texts = SOURCES[source];
  if (texts === undefined) throw new AgentError({ code: "source_down", message: `there is no answer from ${source}`, retryable: false });
  return texts.filter((text) => text.toLowerCase().includes(query.toLowerCase())).map((text) => ({ source, text }));
}

serve(defineAgent({ id: "searcher", capabilities: ["search"], secret: signingSecret(), execute: search }));
