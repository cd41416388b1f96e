import { ObjectStubs } from "../objects/stub.ts";
import type { Base, Room } from "../http/room-manifest.ts";
import { CallRoom } from "./call-room.ts";
import type { MakeCall } from "./held-calls.ts";
import { FreeRelays } from "./free-relays.ts";
import { LIMITS } from "./limits.ts";
import type { RelayContract, RelayName } from "./relay-contract.ts";
import type { RelayObject, RelayPorts } from "./relay-object.ts";
import type { RelaysPort } from "./task-relays.ts";

export const relaysRoom = { name: "relays", limits: LIMITS } as const satisfies Room;

declare global {
  namespace Cloudflare {
    interface Env {
      readonly RELAYS: DurableObjectNamespace<RelayObject<Env>>;
    }
  }
}

/** `call`: how agents are called. */
export function openRelays({ env, config }: Base, call: MakeCall) {
  const relays = new ObjectStubs<RelayName, RelayContract>(env.RELAYS, "The relay", ({ tenant, relay }) => `${tenant}/${relay}`);
  const rooms = new Map<string, CallRoom>();
  const port: RelaysPort = {
    free: new FreeRelays(),
    exchange: (name, question) => relays.askOnce(name, (relay) => relay.exchange(question)),
    tenantRoom: (tenant) => {
      let room = rooms.get(tenant);
      if (room === undefined) {
        for (const [other, { isEmpty }] of rooms) if (isEmpty) rooms.delete(other);
        rooms.set(tenant, (room = new CallRoom(LIMITS.relayedCallsOfTenant)));
      }
      return room;
    },
    callsPerAgent: config.relayedCallsPerAgent,
  };
  const ports: RelayPorts = { call, callsIn: config.relayCallsIn };
  return { port, ports };
}
