import type { Env } from "../../src/env.ts";

declare global {
  namespace Cloudflare {
    interface Env extends ServiceEnv {}
    interface GlobalProps {
      mainModule: typeof import("./worker.ts");
    }
  }
}
type ServiceEnv = Env;
