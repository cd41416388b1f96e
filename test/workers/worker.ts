/** The service itself is what these tests run in. */
export { Agent, default, Gate, ResultCache, Schedule, Task, Webhook } from "../../src/index.ts";
/** An object on the ground alone, beside it. */
export { Ground } from "./ground-object.ts";
