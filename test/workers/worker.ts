/** The service itself is what these tests run in. */
export { default, Task } from "../../src/index.ts";
