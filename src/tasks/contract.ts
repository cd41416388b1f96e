/** What the object answers to: what its parts answer to. Everywhere `null` says that the object has no such task (any more). */
import type { TaskParts } from "./object/task-parts.ts";

/** Which part answers to a method. */
export const ANSWERED_BY = {
  submit: "creation",
  begin: "creation",
  join: "creation",
  recall: "creation",
  recallEarlierMember: "creation",

  pause: "steering",
  resume: "steering",
  cancel: "steering",
  follow: "steering",
  signal: "steering",
  decide: "steering",
  withdrawLink: "steering",

  claim: "attempts",
  renew: "attempts",
  grant: "attempts",
  verify: "attempts",
  hand: "attempts",
  decline: "attempts",
  undelivered: "attempts",
  report: "attempts",
  heartbeat: "attempts",

  admit: "gate",
  cacheSays: "cache",
  childEnded: "children",
  poke: "agentRefresh",
  delete: "deletion",
  relist: "relisting",

  head: "queries",
  task: "queries",
  steps: "queries",
  step: "queries",
  approval: "queries",
  result: "queries",
  valueChunk: "queries",
  events: "queries",
  recorded: "queries",
} as const satisfies Readonly<Record<string, keyof TaskParts>>;

type Answers = typeof ANSWERED_BY;

export type TaskMethods = {
  readonly [M in keyof Answers]: TaskParts[Answers[M]] extends { readonly [N in M]: infer Method } ? Method : never;
};

export interface TaskContract extends TaskMethods {
  /** A live reader's WebSocket; 404 where there is no task. */
  fetch(url: string, init: RequestInit): Promise<Response>;
}
