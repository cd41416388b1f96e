/** When the replies of several agents decide a step, and on what. */
import type { Ensemble } from "../../language/staffing.ts";
import type { EnsembleReply } from "../state/step-state.ts";

export type Decision =
  | { readonly type: "undecided" }
  /** Not any more, whatever the others say. */
  | { readonly type: "impossible" }
  /** One reply is the step's output … */
  | { readonly type: "one"; readonly reply: EnsembleReply }
  /** … or all of them are, in the order they were asked. */
  | { readonly type: "all"; readonly replies: readonly EnsembleReply[] };

/** `remaining`: agents that may still reply. */
export function decideEnsemble(ensemble: Ensemble, replies: readonly EnsembleReply[], remaining: number): Decision {
  switch (ensemble.mode) {
    case "first": {
      const [reply] = replies;
      return reply === undefined ? unlessNobody(remaining) : { type: "one", reply };
    }
    case "all":
      if (replies.length + remaining < ensemble.agents) return { type: "impossible" };
      if (remaining > 0) return { type: "undecided" };
      return { type: "all", replies: replies.toSorted((a, b) => a.attempt - b.attempt) };
    case "quorum": {
      const group = largestGroup(replies);
      const [reply] = group;
      if (reply !== undefined && group.length >= ensemble.quorum) return { type: "one", reply };
      return group.length + remaining < ensemble.quorum ? { type: "impossible" } : { type: "undecided" };
    }
    case "best": {
      if (remaining > 0) return { type: "undecided" };
      const [best] = replies.toSorted((a, b) => (b.score ?? 0) - (a.score ?? 0) || a.attempt - b.attempt);
      return best === undefined ? { type: "impossible" } : { type: "one", reply: best };
    }
  }
}

function unlessNobody(remaining: number): Decision {
  return { type: remaining > 0 ? "undecided" : "impossible" };
}

/** The replies with the commonest key, first come first. */
function largestGroup(replies: readonly EnsembleReply[]): readonly EnsembleReply[] {
  const groups = new Map<string | null, EnsembleReply[]>();
  for (const reply of replies) {
    const group = groups.get(reply.key);
    if (group === undefined) groups.set(reply.key, [reply]);
    else group.push(reply);
  }
  return [...groups.values()].reduce((largest, group) => (group.length > largest.length ? group : largest), [] as EnsembleReply[]);
}
