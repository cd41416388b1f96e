/** A link by which somebody without a key decides one approval, once. The link is the credential. */
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
}

export function approvalToken(keyring: Keyring, link: ApprovalLink): string {
  const { tenant, task, approval, link: id, for: person, hash, expiresAt } = link;
  const parts = ["approval", tenant, task, approval, id, Buffer.from(person).toString("base64url"), hash, expiresAt];
  return keyring.sign(parts.join("~"));
}

/** The link that a token is, or `null` when it is none of ours or too old. */
export function parseApprovalToken(keyring: Keyring, token: string, now: number): ApprovalLink | null {
  const [kind, tenant, task, approval, link, person, hash, expiresAt] = keyring.verify(token)?.split("~") ?? [];
  if (kind !== "approval" || tenant === undefined || task === undefined || link === undefined || hash === undefined) return null;
  if (!(Number(expiresAt) > now)) return null;
  const name = Buffer.from(person ?? "", "base64url").toString();
  return { tenant, task, approval: Number(approval), link, for: name, hash, expiresAt: Number(expiresAt) };
}

/** Who has decided, as the journal names them. */
export function deciderOf({ link, for: person }: ApprovalLink): string {
  return person === "" ? `link ${link}` : `${person} (link ${link})`;
}
