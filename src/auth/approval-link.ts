/** A link by which somebody without a key decides one approval, once. The link is the credential. */
import { delegate, type Actor, type By } from "../shared/actor.ts";
import type { Keyring } from "../shared/keyring.ts";

export interface ApprovalLink {
  readonly tenant: string;
  readonly task: string;
  readonly approval: number;
  /** Names the link: who decides by it is known by this, so it counts once. */
  readonly link: string;
  /** Whom it is for, as its maker says; may be empty. */
  readonly for: string;
  /** What was to be approved when it was made; the link is about that, unless whoever decides says what they have read. */
  readonly hash: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Who made it; `null` where that was not recorded. */
  readonly madeBy: By | null;
  /** What a quorum counts them by, and what they may do; `null` where links did not say that yet. */
  readonly maker: { readonly subject: string; readonly roles: readonly string[] } | null;
}

export function approvalToken(keyring: Keyring, link: ApprovalLink): string {
  const { tenant, task, approval, link: id, for: person, hash, expiresAt, madeBy, maker } = link;
  const parts = [
    tenant,
    task,
    approval,
    id,
    encoded(person),
    hash,
    expiresAt,
    encoded(JSON.stringify(madeBy)),
    encoded(JSON.stringify(maker)),
  ];
  return keyring.sign(["approval", ...parts].join("~"));
}

/** The link that a token is, or `null` when it is none of ours or too old. */
export function parseApprovalToken(keyring: Keyring, token: string, now: number): ApprovalLink | null {
  const [kind, tenant, task, approval, link, person, hash, expiresAt, madeBy, maker] = keyring.verify(token)?.split("~") ?? [];
  if (kind !== "approval" || tenant === undefined || task === undefined || link === undefined || hash === undefined) return null;
  if (!(Number(expiresAt) > now)) return null;
  return {
    tenant,
    task,
    approval: Number(approval),
    link,
    for: decoded(person ?? ""),
    hash,
    expiresAt: Number(expiresAt),
    madeBy: parsed<By>(madeBy),
    maker: parsed<NonNullable<ApprovalLink["maker"]>>(maker),
  };
}

const parsed = <T>(part: string | undefined): T | null => (part === undefined ? null : (JSON.parse(decoded(part)) as T | null));
const encoded = (text: string): string => Buffer.from(text).toString("base64url");
const decoded = (text: string): string => Buffer.from(text, "base64url").toString();

/** Whoever uses it may decide, as the one who made it may. */
export function linkActor({ tenant, link, for: person, madeBy }: ApprovalLink): Actor {
  const by: By = { type: "link", id: link, ...(person !== "" && { name: person }), ...(madeBy && { made_by: madeBy }) };
  return delegate(tenant, by, ["approvals:read", "approvals:decide"], ["admin"]);
}

/** What their word is named by. */
export function voterOf({ link, for: person }: ApprovalLink): string {
  return person === "" ? `link ${link}` : `${person} (link ${link})`;
}
