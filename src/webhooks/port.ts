/** What tasks need of webhooks: somebody who sees to it that whoever wants to know of an end is told. */
import type { Rejection } from "../shared/errors.ts";

/** An endpoint that came with a task. Its secret signs what is told of that task; without one, the endpoint's own does. */
export interface AdHocWebhook {
  readonly url: string;
  /** `whsec_` and base64. */
  readonly secret?: string | undefined;
}

/** A task that has ended, as plain data. */
export interface TaskEnded {
  readonly id: string;
  readonly type: string | null;
  readonly workflow: { readonly name: string | null; readonly version: number | null };
  readonly status: "completed" | "failed" | "canceled" | "timed_out" | "rejected";
  /** JSON; `null` where there is none, or where it is too large to be sent anyway (`LIMITS.webhookBodyBytes`). */
  readonly outputText: string | null;
  /** 0 where there is none. */
  readonly outputBytes: number;
  readonly error: { readonly code: string; readonly message: string; readonly step_id?: string } | null;
  readonly tags: readonly string[];
  readonly parent?: { readonly task: string; readonly step: string };
  /** The task whose end started it. */
  readonly chainedFrom?: string;
  readonly createdAt: number;
  /** Tells those apart that had one id, one after the other; absent where they were not, before. */
  readonly life?: number;
  readonly finishedAt: number;
  readonly webhook?: AdHocWebhook | undefined;
}

export interface WebhooksPort {
  /**
   * Resolves once every endpoint that wants to hear of it has the delivery in its own storage, from where it is sent. Throws
   * if one could not take it; then it is to be called again, which adds nothing where it is known. An endpoint that can
   * never take it (a URL that is not allowed, a limit) is logged and passed over.
   */
  notify(tenant: string, ended: TaskEnded): Promise<void>;
  /** Why an endpoint could not come with a task, so that its submission is refused; `null` when it may. */
  refusal(webhook: AdHocWebhook): Rejection | null;
}
