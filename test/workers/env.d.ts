/// <reference types="@cloudflare/vitest-plugin/types" />
import type { Env } from "../../src/env.ts";
import type * as worker from "./worker.ts";

declare global {
  namespace Cloudflare {
    interface Env extends ServiceEnv {}
    interface GlobalProps {
      mainModule: typeof worker;
    }
  }
}
type ServiceEnv = Env;
