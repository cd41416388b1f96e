/** The way to the objects of schedules. Everything may be asked twice. */
import { ObjectStubs, type ObjectNamespace } from "../objects/stub.ts";
import type { ScheduleContract, ScheduleName } from "./schedule-contract.ts";

export class ScheduleGateway extends ObjectStubs<ScheduleName, ScheduleContract> {
  constructor(namespace: ObjectNamespace) {
    super(namespace, "The schedule's object", ({ tenant, schedule }) => `${tenant}/${schedule}`);
  }
}
