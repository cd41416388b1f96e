/** A task that wants a place under a key, and what it is answered. */

export type Overlap = "queue" | "reject" | "cancel_previous" | "return_existing";

export interface Entrant {
  readonly task: string;
  readonly submittedAt: number;
  readonly priority: number;
  readonly limit: number;
  readonly overlap: Overlap;
  readonly outdated?: "cancel";
  /** The tasks that wait for it: it never cancels one of them. */
  readonly above?: readonly string[];
}

export type Entered =
  | { readonly type: "admitted"; readonly grant: number }
  /** `position`: 1 for who is next, `null` when the line is too long to be told. */
  | { readonly type: "waiting"; readonly position: number | null }
  /** There is no place, and it does not wait; `by`: one of those that have one. */
  | { readonly type: "refused"; readonly by: string }
  /** A later one has taken its place. */
  | { readonly type: "canceled"; readonly by: string };

export type Reserved =
  | { readonly type: "reserved"; readonly grant: number; readonly isNew: boolean }
  | { readonly type: "taken"; readonly by: string };

/** As a member, too, it does not begin after a later one. */
export const outdatedIn = ({ outdated }: Pick<Entrant, "outdated">) => outdated !== undefined && { outdated };
