/** Who may use an agent, in its object's storage: what is written together is written together, and memory never says more. */
import { Admission } from "./admission.ts";
import { admissionRows } from "./admission-rows.ts";

export class StoredAdmission {
  readonly #storage: DurableObjectStorage;
  #admission: Admission | null = null;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  get now(): Admission {
    return (this.#admission ??= new Admission(admissionRows(this.#storage.sql)));
  }

  /** All of the change, or nothing of it. */
  exactly<T>(change: (admission: Admission) => T): T {
    try {
      return this.#storage.transactionSync(() => change(this.now));
    } catch (error) {
      this.#admission = null;
      throw error;
    }
  }

  /** The storage was emptied. */
  forget(): void {
    this.#admission = null;
  }
}
