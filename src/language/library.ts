/** PERSISTED in `task.created`: registered workflows that a task may start, each as it was when the task began. */
export interface LibraryEntry {
  readonly name: string;
  /** `null`: somebody elsewhere says that it is registered. */
  readonly version: number | null;
  /** JSON text. */
  readonly definition: string;
}

/** By how they are referred to. */
export type Library = { readonly [reference: string]: LibraryEntry };
