import type { Base, Room } from "../http/room-manifest.ts";
import { LIMITS } from "./limits.ts";
import type { GatePorts } from "./gate-contract.ts";
import { GateGateway } from "./gateway.ts";
import type { GateObject } from "./gate-object.ts";

export const gatesRoom = { name: "gates", limits: LIMITS } as const satisfies Room;

declare global {
  namespace Cloudflare {
    interface Env {
      readonly GATES: DurableObjectNamespace<GateObject<Env>>;
    }
  }
}

/** `ports`: the tasks under its keys. */
export function openGates({ env }: Base, ports: GatePorts) {
  return { services: { gates: new GateGateway(env.GATES) }, ports };
}
