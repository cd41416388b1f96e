/** What the flight recorder asks of a task, alike of one that its object has and of one that only history has left. */
import type { Rejection } from "../../shared/errors.ts";
import type { Json } from "../../shared/json.ts";
import { jsonToBytes } from "../../shared/json-bytes.ts";
import { LIMITS } from "../limits.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { forkOrigin, forkTooLarge, type ForkPoint } from "../submission/fork-origin.ts";
import type { JournalSource } from "../journal/journal-source.ts";
import { journalHeader, journalPage } from "./journal-file.ts";
import { replayJournal } from "./journal-replay.ts";
import { summaryOf } from "./task-summary.ts";
import type { Loaded } from "../journal/load.ts";

export type RecorderQuestion =
  | (ForkPoint & { readonly type: "origin" })
  | { readonly type: "portrait" }
  | { readonly type: "replay" }
  | { readonly type: "header" }
  /** Events after one, up to another: as lines, as many as fit an answer. */
  | { readonly type: "page"; readonly after: number; readonly last: number };

/** The answer as JSON in UTF-8, or as lines of it. */
export function recorded(loaded: Loaded, source: JournalSource, question: RecorderQuestion): Result<Uint8Array, Rejection> {
  switch (question.type) {
    case "origin":
      return forkable(forkOrigin(loaded, source, question));
    case "portrait":
      return ok(jsonToBytes(summaryOf(loaded, source) as unknown as Json));
    case "header":
      return ok(jsonToBytes(journalHeader(loaded) as unknown as Json));
    case "page":
      return ok(journalPage(source, question.after, question.last) ?? new Uint8Array());
    case "replay": {
      const played = replayJournal(source);
      return played.ok ? ok(jsonToBytes(played.value as unknown as Json)) : played;
    }
  }
}

function forkable(origin: ReturnType<typeof forkOrigin>): Result<Uint8Array, Rejection> {
  if (!origin.ok) return origin;
  const bytes = jsonToBytes(origin.value as unknown as Json);
  return bytes.byteLength > LIMITS.forkBytes ? err(forkTooLarge(`${bytes.byteLength}`)) : ok(bytes);
}
