/**
 * The object that owns one task: its journal, its effects, its alarm. It has no rule of its own about workflows; those
 * are the engine's. Its parts answer its methods, with data: they never throw for what a caller did. A throw means
 * trouble, and is retried.
 */
import { DurableObject } from "cloudflare:workers";
import { ANSWERED_BY, type TaskMethods } from "../contract.ts";
import { LIMITS } from "../../objects/limits.ts";
import { Unavailable } from "../../shared/errors.ts";
import type { Cost } from "./journal.ts";
import type { TaskPorts } from "../ports.ts";
import { TaskParts } from "./task-parts.ts";

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- what its static block defines
export interface TaskObject<Env> extends TaskMethods, DurableObject<Env> {}

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- as above
export abstract class TaskObject<Env> extends DurableObject<Env> {
  readonly #made: TaskParts | null;

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

  /** `ports`: `null` while the configuration is not valid. */
  constructor(ctx: DurableObjectState, env: Env, ports: TaskPorts | null) {
    super(ctx, env);
    this.#made = ports && new TaskParts(ctx, ports);
  }

  get #parts(): TaskParts {
    if (this.#made === null) throw new Unavailable("The service is not configured", "its settings are not valid");
    return this.#made;
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
    // While nothing can be done nothing is lost: it comes again.
    if (this.#made === null) return this.ctx.storage.setAlarm(Date.now() + LIMITS.alarmRetryMs);
    return this.#parts.alarmWork.alarm(info?.retryCount ?? 0);
  }

  /** Counts on. For measurements. */
  protected get cost(): Readonly<Cost> {
    return this.#parts.runner.journal.cost;
  }
}
