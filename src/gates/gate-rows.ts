/** A gate in its object's storage. The table is made by the first write: asking about a key that nobody uses leaves nothing. */
import type { Burst } from "./burst.ts";
import type { GateName } from "./gate-contract.ts";
import type { GateLimit, GateStore } from "./gate.ts";
import type { Member } from "./member.ts";

export class GateRows implements GateStore {
  readonly #storage: DurableObjectStorage;
  #exists: boolean;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#exists = storage.sql.exec("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'member'").toArray().length > 0;
  }

  get name(): GateName | null {
    return this.#storage.kv.get<GateName>("name") ?? null;
  }

  identify(name: GateName): void {
    if (this.name === null) this.#storage.kv.put("name", name);
  }

  readonly members = (): readonly Member[] =>
    this.#exists
      ? [...this.#storage.sql.exec<{ body: string }>("SELECT body FROM member")].map(({ body }) => JSON.parse(body) as Member)
      : [];

  readonly put = (member: Member): void => {
    if (!this.#exists) this.#storage.sql.exec("CREATE TABLE member (task TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID");
    this.#exists = true;
    this.#storage.sql.exec("INSERT OR REPLACE INTO member (task, body) VALUES (?, ?)", member.task, JSON.stringify(member));
  };

  readonly delete = (task: string): void => {
    if (this.#exists) this.#storage.sql.exec("DELETE FROM member WHERE task = ?", task);
  };

  readonly limit = (): GateLimit | null => this.#storage.kv.get<GateLimit>("limit") ?? null;

  get burst(): Burst | null {
    return this.#storage.kv.get<Burst>("burst") ?? null;
  }

  putBurst(burst: Burst | null): void {
    if (burst === null) this.#storage.kv.delete("burst");
    else this.#storage.kv.put("burst", burst);
  }

  readonly putLimit = (limit: GateLimit): void => this.#storage.kv.put("limit", limit);
}
