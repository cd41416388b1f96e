/** A step that an expression reads: so many blocks further out, and its place there. */
export interface Read {
  readonly id: string;
  readonly depth: number;
  readonly index: number;
}

/** By the id of the step. */
export type Reads = Map<string, Read>;

/** As a node keeps them: most have none. */
export const readsOf = (reads: ReadonlyMap<string, Read>): readonly Read[] => (reads.size === 0 ? NO_READS : [...reads.values()]);
const NO_READS: readonly Read[] = [];
