/** Slots, line and starts of an agent in its object's storage: asking about an agent that nobody limits leaves none. */
import { JsonRows, Tables } from "../../objects/table.ts";
import type { AdmissionStore, Slot, Waiter } from "./admission.ts";

const TABLES = [
  "CREATE TABLE waiter (key TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
  "CREATE TABLE slot (key TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
  "CREATE TABLE start (id INTEGER PRIMARY KEY, at INTEGER NOT NULL)",
];

export class AdmissionRows implements AdmissionStore {
  readonly #tables: Tables;
  readonly #waiters: JsonRows<Waiter>;
  readonly #slots: JsonRows<Slot>;

  constructor(sql: SqlStorage) {
    this.#tables = new Tables(sql, "waiter", TABLES);
    this.#waiters = new JsonRows(this.#tables, { table: "waiter", key: "key", body: "body" });
    this.#slots = new JsonRows(this.#tables, { table: "slot", key: "key", body: "body" });
  }

  readonly waiters = (): readonly Waiter[] => this.#waiters.all();
  readonly putWaiter = (key: string, waiter: Waiter): void => this.#waiters.put(key, waiter);
  readonly deleteWaiter = (key: string): void => this.#waiters.delete(key);

  readonly slots = (): readonly Slot[] => this.#slots.all();
  readonly putSlot = (key: string, slot: Slot): void => this.#slots.put(key, slot);
  readonly deleteSlot = (key: string): void => this.#slots.delete(key);

  readonly starts = (): readonly number[] => this.#tables.rows<{ at: number }>("SELECT at FROM start").map(({ at }) => at);
  readonly addStart = (at: number): void => void this.#tables.add("INSERT INTO start (at) VALUES (?)", at);
  readonly dropStartsBefore = (at: number): void => void this.#tables.rows("DELETE FROM start WHERE at <= ?", at);

  forget(): void {
    this.#tables.forget();
  }
}
