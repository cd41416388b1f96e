/** A small object on the ground of all rooms: what it keeps are notes, and when it wakes is said to it. */
import { RoomObject } from "../../src/objects/room-object.ts";
import { JsonRows, Tables } from "../../src/objects/table.ts";

export interface GroundName {
  readonly tenant: string;
  readonly id: string;
}

/** What all of them share, for a test to set. */
export const ground: {
  isConfigured: boolean;
  /** What they do when they wake. */
  work: (object: Ground, failures: number) => void | Promise<void>;
} = { isConfigured: true, work: () => undefined };

export class Ground extends RoomObject<unknown, { readonly word: string }, GroundName> {
  readonly #tables = new Tables(this.ctx.storage.sql, "note", [
    "CREATE TABLE note (key TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
  ]);
  readonly #notes = new JsonRows<string>(this.#tables, { table: "note", key: "key", body: "body" });
  /** As in storage, or not read yet. */
  #known: readonly string[] | null = null;

  constructor(ctx: DurableObjectState, env: unknown) {
    super(ctx, env, ground.isConfigured ? { word: "hello" } : null);
  }

  note(text: string, wakeAt: number | null, refused = false): void {
    this.atomically(() => {
      this.identify({ tenant: "default", id: "ground" });
      const before = this.notes;
      this.#notes.put(text, text);
      this.#known = [...before, text];
      this.ctx.storage.kv.put("wake_at", wakeAt);
      if (refused) throw new Error("refused in the middle");
    });
  }

  get notes(): readonly string[] {
    return (this.#known ??= this.#notes.all());
  }

  get word(): string {
    return this.ports.word;
  }

  empty(): Promise<void> {
    return this.wipe();
  }

  protected override wake(_: GroundName, failures: number): void | Promise<void> {
    return ground.work(this, failures);
  }

  protected override nextWake(): number | null {
    return this.ctx.storage.kv.get<number | null>("wake_at") ?? null;
  }

  protected override forget(): void {
    this.#known = null;
    this.#tables.forget();
  }
}
