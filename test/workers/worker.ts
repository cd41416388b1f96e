/** The service itself is what these tests run in. */
export { Agent, default, Task, Webhook } from "../../src/index.ts";
