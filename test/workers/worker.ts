/** The service itself is what these tests run in. */
export { Agent, default, Task } from "../../src/index.ts";
