/** Starts a target under the launcher that all of them share, and reads what its process has used. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { freePort } from "../../scripts/free-port.ts";
import { runtimeUnder } from "../../scripts/runtime-process.ts";
import { progress } from "./report.ts";
import { answerTo, pause, until, within } from "./patience.ts";

const root = join(import.meta.dirname, "..", "..");
const wrangler = join(createRequire(import.meta.url).resolve("wrangler/package.json"), "..", "bin", "wrangler.js");
/** The launcher would trace every target into a database of its own, whose writes are nobody's work. */
const env = { ...process.env, WRANGLER_SEND_METRICS: "false", X_LOCAL_OBSERVABILITY: "false", CI: "true", FORCE_COLOR: "0" };

const START_MS = 120_000;
const READY_MS = 5_000;
const STOP_MS = 10_000;
/** Archives of thousands of tasks take a while. */
const SETTLE_MS = 120_000;

export interface Server {
  readonly url: string;
  readonly pid: number;
  readonly inspectorPort: number;
  /** CPU seconds of the runtime so far, without the launcher's. */
  readonly cpuSeconds: () => number;
  /** The most memory the runtime has held since `resetPeak`, in bytes. */
  readonly peakBytes: () => number;
  readonly resetPeak: () => void;
  readonly stop: () => Promise<void>;
}

export interface Launch {
  readonly name: string;
  readonly port: number;
  readonly state: string;
  readonly args: readonly string[];
  readonly migrate?: boolean;
  /** Answers 200 once the target works. */
  readonly ready: string;
}

export async function launch({ name, port, state, args, migrate, ready }: Launch): Promise<Server> {
  if (migrate) {
    const applied = spawnSync(process.execPath, [wrangler, "d1", "migrations", "apply", "DB", "--local", "--persist-to", state], {
      cwd: root,
      env,
      encoding: "utf8",
      timeout: START_MS,
    });
    if (applied.status !== 0) throw new Error(`The migrations were not applied: ${applied.error?.message ?? applied.stderr}`);
  }
  const inspectorPort = await freePort();
  const argv = [
    wrangler,
    "dev",
    ...args,
    "--ip",
    "127.0.0.1",
    "--port",
    String(port),
    "--persist-to",
    state,
    "--inspector-port",
    String(inspectorPort),
    "--log-level",
    "error",
    "--show-interactive-dev-session=false",
  ];
  const child = spawn(process.execPath, argv, { cwd: root, env, stdio: ["ignore", "ignore", "inherit"] });
  const url = `http://127.0.0.1:${port}`;
  await answers(`${url}${ready}`, child, name);
  const { pid, cpuSeconds, peakBytes, resetPeak } = runtimeUnder(child.pid as number, state);
  return {
    url,
    pid,
    inspectorPort,
    cpuSeconds,
    peakBytes,
    resetPeak,
    stop: () => stop(child, name),
  };
}

/** Gently, and if that does not help, not so. */
async function stop(child: ChildProcess, name: string): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await within(`${name} to stop`, STOP_MS, gone).catch((error: Error) => {
    progress(error.message);
    child.kill("SIGKILL");
  });
}

/** Until the server has done what it does after the answers. */
export async function settled(server: Server): Promise<void> {
  await pause(2_500);
  const isQuiet = async (): Promise<boolean> => {
    const before = server.cpuSeconds();
    await pause(300);
    return server.cpuSeconds() - before < 0.03;
  };
  await until(`the server at ${server.url} to be done with what follows its answers`, SETTLE_MS, isQuiet);
}

async function answers(url: string, child: ChildProcess, name: string): Promise<void> {
  const isReady = async (): Promise<boolean> => {
    if (child.exitCode !== null) throw new Error(`${name} ended with code ${child.exitCode}`);
    return (await answerTo(url, READY_MS).catch(() => null))?.status === 200;
  };
  await until(`${name} to be ready at ${url}`, START_MS, isReady, 100);
}
