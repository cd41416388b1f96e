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

/** Of a name that an object has by birth there is none either. */
export const entryOf = (library: Library, reference: string): LibraryEntry | undefined =>
  Object.hasOwn(library, reference) ? library[reference] : undefined;
