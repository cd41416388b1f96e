/** The way to the objects of keys. Everything may be asked twice. */
import { ObjectStubs, type ObjectNamespace } from "../objects/stub.ts";
import type { GateContract, GateName } from "./gate-contract.ts";

export class GateGateway extends ObjectStubs<GateName, GateContract> {
  constructor(namespace: ObjectNamespace) {
    super(namespace, "The key's object", ({ tenant, key }) => `${tenant}/${key}`);
  }
}
