/**
 * Slots, line and starts of an agent in its object's storage. Tables are made by the first write: asking about an agent
 * that nobody limits leaves no storage.
 */
import type { AdmissionStore, Slot, Waiter } from "./admission.ts";

export function admissionRows(sql: SqlStorage): AdmissionStore {
  let exists = sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'waiter'").toArray().length > 0;
  const write = (statement: string, ...bindings: unknown[]): void => {
    if (!exists) {
      sql.exec("CREATE TABLE waiter (key TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID");
      sql.exec("CREATE TABLE slot (key TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID");
      sql.exec("CREATE TABLE start (id INTEGER PRIMARY KEY, at INTEGER NOT NULL)");
      exists = true;
    }
    sql.exec(statement, ...bindings);
  };
  const all = <T>(table: "waiter" | "slot"): readonly T[] =>
    exists ? [...sql.exec<{ body: string }>(`SELECT body FROM ${table}`)].map(({ body }) => JSON.parse(body) as T) : [];
  return {
    waiters: () => all<Waiter>("waiter"),
    slots: () => all<Slot>("slot"),
    starts: () => (exists ? [...sql.exec<{ at: number }>("SELECT at FROM start")].map(({ at }) => at) : []),
    putWaiter: (key, waiter) => write("INSERT OR REPLACE INTO waiter (key, body) VALUES (?, ?)", key, JSON.stringify(waiter)),
    deleteWaiter: (key) => write("DELETE FROM waiter WHERE key = ?", key),
    putSlot: (key, slot) => write("INSERT OR REPLACE INTO slot (key, body) VALUES (?, ?)", key, JSON.stringify(slot)),
    deleteSlot: (key) => write("DELETE FROM slot WHERE key = ?", key),
    addStart: (at) => write("INSERT INTO start (at) VALUES (?)", at),
    dropStartsBefore: (at) => write("DELETE FROM start WHERE at <= ?", at),
  };
}
