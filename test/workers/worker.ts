/** The service itself is what these tests run in. */
export * from "../../src/index.ts";
export { default } from "../../src/index.ts";
/** An object on the ground alone, beside it. */
export { Ground } from "./ground-object.ts";
