/** A submission becomes a task in its object, once, however often it is asked for. */
import type { Rejection } from "../../shared/errors.ts";
import type { Json } from "../../shared/json.ts";
import { jsonToBytes } from "../../shared/json-bytes.ts";
import { err, type Result } from "../../shared/result.ts";
import type { TaskServices } from "../services.ts";
import type { Submitted } from "../messages.ts";
import { LIMITS } from "../limits.ts";
import { forkTooLarge } from "../submission/fork-origin.ts";
import type { Submission } from "../submission/submission.ts";
import { recall, recallFromHistory } from "./recall.ts";
import { giveUpPlace, reservePlace, withoutPlace } from "./reservation.ts";

export type CreateServices = Pick<TaskServices, "tasks" | "history" | "gates">;

export async function createTask(
  submission: Submission,
  services: CreateServices,
  waitMs: number,
  now: number,
): Promise<Result<Submitted, Rejection>> {
  const { tenant, task } = submission;
  // The past of another task travels as text: it may be large.
  const sent = submission.past === undefined ? submission : jsonToBytes(submission as unknown as Json);
  if (sent instanceof Uint8Array && sent.byteLength > LIMITS.forkBytes) return err(forkTooLarge(`${sent.byteLength}`));
  const reserved = await reservePlace(submission, services, now);
  if (reserved?.type === "taken") return (await recall(submission, services)) ?? withoutPlace(submission, reserved.by, services);
  const answer = await services.tasks.ask(tenant, task, (stub) => stub.submit(sent, waitMs, true));
  if (!answer.ok || answer.value.head.finished_at !== null) await giveUpPlace(submission, reserved, services);
  if (answer.ok) return answer;
  return answer.error === "archived" ? recallFromHistory(services, submission) : err(answer.error);
}
