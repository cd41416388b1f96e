/** The readers of an object: hibernating WebSockets, so that it may sleep while it has nothing to say. */
import { log, messageOf } from "../shared/log.ts";

/** `Attached`: what is known of a reader. It survives hibernation with the socket; nothing else about one is kept. */
export class Sockets<Attached> {
  readonly #ctx: DurableObjectState;
  readonly #most: number;
  readonly #refusal: string;

  /** `refusal`: what is said when there are `most` of them. */
  constructor(ctx: DurableObjectState, most: number, refusal: string) {
    this.#ctx = ctx;
    this.#most = most;
    this.#refusal = refusal;
  }

  /** `greet`: what it is told at once. */
  accept(attached: Attached, greet: (socket: WebSocket) => void): Response {
    if (this.#ctx.getWebSockets().length >= this.#most) return new Response(this.#refusal, { status: 503 });
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server);
    server.serializeAttachment(attached);
    greet(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Whether anybody reads. */
  get isAwaited(): boolean {
    return this.#open().length > 0;
  }

  /** Tells each; one that is gone changes nothing for the others. `false` ends it. */
  tell(say: (socket: WebSocket, attached: Attached) => boolean | void): void {
    for (const socket of this.#open()) {
      try {
        if (say(socket, socket.deserializeAttachment() as Attached) === false) return;
      } catch (error) {
        log("info", "reader not told", { error: messageOf(error) });
      }
    }
  }

  close(code: number, reason: string): void {
    for (const socket of this.#ctx.getWebSockets()) socket.close(code, reason);
  }

  /** One may be closed by one side and not yet by the other. */
  #open(): readonly WebSocket[] {
    return this.#ctx.getWebSockets().filter(({ readyState }) => readyState === WebSocket.OPEN);
  }
}
