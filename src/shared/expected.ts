/** The revision that a caller expects, or one of those; `"none"`: that nothing is there; `"any"`: that something is; `null`: it does not say. */
export type Expected = number | readonly number[] | "none" | "any" | null;
