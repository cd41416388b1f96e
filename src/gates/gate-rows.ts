/** A gate in its object's storage. */
import { JsonRows, Tables } from "../objects/table.ts";
import type { Burst } from "./burst.ts";
import type { GateLimit, GateStore } from "./gate.ts";
import type { Member, Newest } from "./member.ts";

export class GateRows implements GateStore {
  readonly #kv: SyncKvStorage;
  readonly #tables: Tables;
  readonly #members: JsonRows<Member>;

  constructor({ kv, sql }: DurableObjectStorage) {
    this.#kv = kv;
    this.#tables = new Tables(sql, "member", ["CREATE TABLE member (task TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID"]);
    this.#members = new JsonRows(this.#tables, { table: "member", key: "task", body: "body" });
  }

  readonly members = (): readonly Member[] => this.#members.all();
  readonly put = (member: Member): void => this.#members.put(member.task, member);
  readonly delete = (task: string): void => this.#members.delete(task);

  readonly limit = (): GateLimit | null => this.#kv.get<GateLimit>("limit") ?? null;
  readonly putLimit = (limit: GateLimit): void => this.#kv.put("limit", limit);

  readonly newest = (): Newest | null => this.#kv.get<Newest>("newest") ?? null;
  readonly putNewest = (newest: Newest): void => this.#kv.put("newest", newest);

  get burst(): Burst | null {
    return this.#kv.get<Burst>("burst") ?? null;
  }

  set burst(burst: Burst | null) {
    if (burst === null) this.#kv.delete("burst");
    else this.#kv.put("burst", burst);
  }

  forget(): void {
    this.#tables.forget();
  }
}
