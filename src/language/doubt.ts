/** What is doubtful in a definition that compiles, and seen only while it does. */
export type DoubtCode = "shadowed_name" | "retry_delay_cut";

export interface Doubt {
  readonly code: DoubtCode;
  /** JSON Pointer into the definition. */
  readonly pointer: string;
  readonly message: string;
}
