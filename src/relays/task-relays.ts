/** The relays that work for one task, as its object sees them. */
import type { AgentCall, Outcome } from "../agents/transports/protocol.ts";
import { bytesToJson, jsonToBytes } from "../shared/json-bytes.ts";
import { leastLength } from "../shared/json-size.ts";
import { CallRoom } from "./call-room.ts";
import { LIMITS } from "./limits.ts";
import { RelayChannel } from "./relay-channel.ts";
import type { FreeRelays } from "./free-relays.ts";
import type { RelayName, RelayQuestion, RelayReport } from "./relay-contract.ts";

export interface RelaysPort {
  /** Throws where the relay does not answer. */
  readonly exchange: (name: RelayName, question: RelayQuestion) => Promise<RelayReport>;
  readonly free: FreeRelays;
  /** The room of a tenant's calls in this isolate. */
  readonly tenantRoom: (tenant: string) => CallRoom;
  /** How many calls of one task an agent that declares no limit gets at once. */
  readonly callsPerAgent: number;
}

interface Asked {
  readonly tenant: string;
  readonly agent: string;
  /** Its agent has let it in; it limits itself how many. */
  readonly hasSlot: boolean;
}

export class TaskRelays {
  readonly #port: RelaysPort;
  readonly #channels = new Map<string, RelayChannel>();
  readonly #agents = new Map<string, CallRoom>();
  readonly #inputs = new CallRoom(LIMITS.relayedBytes);

  constructor(port: RelaysPort) {
    this.#port = port;
  }

  /** Waits until there may be one call more. What gives the room back; throws where nobody wants the call any more. */
  async enter({ tenant, agent, hasSlot }: Asked, signal: AbortSignal): Promise<() => void> {
    const ofAgent = hasSlot ? null : await this.#roomOf(agent).enter(1, signal);
    try {
      const ofTenant = await this.#port.tenantRoom(tenant).enter(1, signal);
      return () => {
        ofTenant();
        ofAgent?.();
      };
    } catch (error) {
      ofAgent?.();
      throw error;
    }
  }

  /** Has a relay make the call, under a key that names its sending. What the relay has already it does not make again. */
  async call(name: RelayName, key: string, call: AgentCall, signal: AbortSignal): Promise<Outcome> {
    const length = leastLength(call.input, { length: LIMITS.relayedBytes, depth: Number.POSITIVE_INFINITY });
    const leave = await this.#inputs.enter(typeof length === "number" ? length : LIMITS.relayedBytes, signal);
    try {
      // Who only makes the call need not know what its agent offers.
      const sent = { ...call, agent: { ...call.agent, capabilities: [] }, input: jsonToBytes(call.input), key };
      const outcome = await this.#channel(name).call(sent, signal);
      return outcome.type === "completed" ? { ...outcome, output: bytesToJson(outcome.output) } : outcome;
    } finally {
      leave();
    }
  }

  /** One more relay. */
  lease(tenant: string): string {
    const { relay, recorded } = this.#port.free.lease(tenant);
    this.#channel({ tenant, relay }, recorded);
    return relay;
  }

  /** What came of the call is recorded. Relays that are not in use any more can work for other tasks. */
  recorded({ tenant, relay }: RelayName, key: string, inUse: ReadonlyMap<string, number>): void {
    this.#channels.get(relay)?.recorded(key);
    for (const [idle, channel] of this.#channels) {
      if (!channel.isIdle || inUse.has(idle)) continue;
      this.#channels.delete(idle);
      this.#port.free.giveBack(tenant, { relay: idle, recorded: channel.untold });
    }
  }

  /** Another task comes under this one's id. */
  startOver(): void {
    this.#channels.clear();
    this.#agents.clear();
  }

  #channel(name: RelayName, recorded?: readonly string[]): RelayChannel {
    let channel = this.#channels.get(name.relay);
    if (channel === undefined) {
      channel = new RelayChannel((question) => this.#port.exchange(name, question), recorded);
      this.#channels.set(name.relay, channel);
    }
    return channel;
  }

  #roomOf(agent: string): CallRoom {
    let room = this.#agents.get(agent);
    if (room === undefined) this.#agents.set(agent, (room = new CallRoom(this.#port.callsPerAgent)));
    return room;
  }
}
