/**
 * The object that owns one task: its journal, its effects, its alarm. It has no rule of its own about workflows; those
 * are the engine's. Its parts answer its methods, with data: they never throw for what a caller did. A throw means
 * trouble, and is retried.
 */
import { DurableObject } from "cloudflare:workers";
import { ANSWERED_BY, type TaskMethods } from "../contract.ts";
import type { Cost } from "./journal.ts";
import type { TaskPorts } from "../ports.ts";
import { TaskParts } from "./task-parts.ts";

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- what its static block defines
export interface TaskObject<Env> extends TaskMethods, DurableObject<Env> {}

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- as above
export abstract class TaskObject<Env> extends DurableObject<Env> {
  readonly #parts: TaskParts;

  static {
    // The platform calls only what the prototype has.
    for (const [name, part] of Object.entries(ANSWERED_BY)) {
      const value = function (this: TaskObject<unknown>, ...args: unknown[]): unknown {
        const answering = this.#parts[part] as unknown as Readonly<Record<string, (...args: unknown[]) => unknown>>;
        return answering[name]?.(...args);
      };
      Object.defineProperty(this.prototype, name, { value, writable: true, configurable: true });
    }
  }

  constructor(ctx: DurableObjectState, env: Env, ports: TaskPorts) {
    super(ctx, env);
    this.#parts = new TaskParts(ctx, ports);
  }

  /** A live reader opens a WebSocket. */
  override async fetch(request: Request): Promise<Response> {
    const loaded = await this.#parts.runner.ready();
    if (loaded === null) return new Response("There is no such task", { status: 404 });
    return this.#parts.feed.accept(request, await this.#parts.runner.reading());
  }

  override webSocketMessage(): void {
    // Readers have nothing to say; whatever they send is not kept.
  }

  override webSocketClose(socket: WebSocket, code: number): void {
    socket.close(code === 1005 || code === 1006 ? 1000 : code);
  }

  override async alarm(info?: AlarmInvocationInfo): Promise<void> {
    return this.#parts.alarmWork.alarm(info?.retryCount ?? 0);
  }

  /** Counts on. For measurements. */
  protected get cost(): Readonly<Cost> {
    return this.#parts.runner.journal.cost;
  }
}
