/** What people are asked, and what they say. An approval is named by its task and its number there. */
import { approvalToken } from "../../auth/approval-link.ts";
import { byOf, type Actor } from "../../shared/actor.ts";
import { rejection, type Rejection } from "../../shared/errors.ts";
import { isTaskId, randomText } from "../../shared/ids.ts";
import { operation } from "../../shared/operation.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { TaskServices } from "../services.ts";
import type { ApprovalDecision } from "../messages.ts";
import type { ApprovalDetail } from "../views/approval-view.ts";

type Tasks = Pick<TaskServices, "tasks">;

export interface ApprovalAddress {
  readonly task: string;
  readonly number: number;
}

/** The task and the approval's number in it; `null` where an id has another form, or is another tenant's. */
export function approvalAddress(tenant: string, id: string): ApprovalAddress | null {
  const [, body = "", number = ""] = /^approval_([0-9a-z]+)_([1-9]\d{0,5})$/.exec(id) ?? [];
  const task = `task_${body}`;
  return isTaskId(tenant, task) ? { task, number: Number(number) } : null;
}

/** `link`: by which it is read. */
export const readApproval = operation("approvals:read", async (actor, { tasks }: Tasks, id: string, link?: string) => {
  const address = approvalAddress(actor.tenant, id);
  if (address === null) return err(noApproval(id));
  const found = await tasks.read(
    actor.tenant,
    address.task,
    (owner) => owner.approval(address.number, link),
    (reading) => reading.approval(address.number, link) ?? ("unknown" as const),
  );
  return found === null || found === "unknown" ? err(noApproval(id)) : ok(found);
});

/** What somebody says. `voter`: what their word is named by, and what a quorum counts it by unless it is said by a link. */
export type Word = Omit<ApprovalDecision, "by" | "roles" | "actor"> & { readonly voter: string };

/** A decision counts once, and who repeats it is answered alike, so it may be asked for again when an answer got lost. */
export const decideApproval = operation(
  "approvals:decide",
  async (actor, { tasks }: Tasks, id: string, { voter, ...word }: Word): Promise<Result<ApprovalDetail, Rejection>> => {
    const address = approvalAddress(actor.tenant, id);
    if (address === null) return err(noApproval(id));
    const { task, number } = address;
    const said: ApprovalDecision = { ...word, by: voter, roles: actor.roles, actor: byOf(actor) };
    const answer = await tasks.ask(actor.tenant, task, (owner) => owner.decide(number, said));
    if (answer !== null) return answer;
    const reading = await tasks.archive(actor.tenant, task);
    const detail = reading?.approval(number) ?? null;
    if (reading === null || detail === null) return err(noApproval(id));
    if (reading.hasSaid(number, said)) return ok(detail);
    const facts = { approval_status: detail.status };
    return err(rejection("already_decided", `The task has ended; the approval is ${detail.status}`, { facts }));
  },
);

export interface LinkTerms {
  /** Whom it is for; may be empty. */
  readonly person: string;
  readonly expiresAt: number;
}

/** A link by which somebody without a key decides once: its token and id. `subject`: what assignees may be named by. */
export const makeApprovalLink = operation(
  "approvals:decide",
  async (actor, services: Tasks & Pick<TaskServices, "config">, id: string, subject: string, { person, expiresAt }: LinkTerms) => {
    const asked = await readApproval(actor, services, id);
    const address = approvalAddress(actor.tenant, id);
    if (!asked.ok || address === null) return asked.ok ? err(noApproval(id)) : asked;
    const { assignees, hash } = asked.value;
    // Who could not decide it must not get there by a link, but may hand one to somebody who is asked by name: it counts as theirs.
    if (!isAsked(actor, subject, assignees) && !assignees.includes(`subject:${person}`))
      return err(rejection("forbidden", `Only ${assignees.join(", ")} may decide this, or make links for it`));
    const { task, number: approval } = address;
    const link = randomText(LINK_LENGTH);
    const { tenant } = actor;
    const [madeBy, maker] = [byOf(actor), { subject, roles: actor.roles }];
    const token = approvalToken(services.config.keyring, { tenant, task, approval, link, for: person, hash, expiresAt, madeBy, maker });
    return ok({ token, link });
  },
);

/** Whoever may decide may make a link worthless that has not been used. Again changes nothing. */
export const withdrawApprovalLink = operation("approvals:decide", async (actor, { tasks }: Tasks, id: string, link: string) => {
  const address = approvalAddress(actor.tenant, id);
  if (address === null) return err(noApproval(id));
  const answer = await tasks.ask(actor.tenant, address.task, (owner) => owner.withdrawLink(address.number, link, byOf(actor)));
  if (answer !== null) return answer;
  const archived = (await tasks.archive(actor.tenant, address.task))?.approval(address.number) ?? null;
  return err(archived === null ? noApproval(id) : rejection("already_decided", `The task has ended; the approval is ${archived.status}`));
});

const LINK_LENGTH = 12;

function isAsked({ roles }: Actor, subject: string, assignees: readonly string[]): boolean {
  if (roles.includes("admin") || assignees.length === 0 || assignees.includes(`subject:${subject}`)) return true;
  return roles.some((role) => assignees.includes(`role:${role}`));
}

const noApproval = (id: string): Rejection => rejection("not_found", `There is no approval "${id}"`);
