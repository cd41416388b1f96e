/** Starts a target under the launcher that all of them share, and reads what its process has used. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { freePort } from "../../scripts/free-port.ts";
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
  const pid = runtimeOf(child.pid as number, state);
  return {
    url,
    pid,
    inspectorPort,
    cpuSeconds: () => cpuSecondsOf(pid),
    peakBytes: () => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024,
    resetPeak: () => writeFileSync(`/proc/${pid}/clear_refs`, "5"),
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

/** Of the launcher's runtimes (another one is its proxy) the one that holds the state. */
function runtimeOf(launcher: number, state: string): number {
  const parents = new Map<number, number>();
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const stat = statOf(Number(entry));
    if (stat !== null) parents.set(Number(entry), Number(stat.fields[1]));
  }
  const isDescendant = (pid: number): boolean => {
    for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) if (at === launcher) return true;
    return false;
  };
  const found = [...parents.keys()].find((pid) => statOf(pid)?.command === "workerd" && isDescendant(pid) && holds(pid, state));
  if (found === undefined) throw new Error("No runtime under the launcher");
  return found;
}

function holds(pid: number, folder: string): boolean {
  return readdirSync(`/proc/${pid}/fd`).some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(`${folder}/`);
    } catch {
      return false; // closed meanwhile
    }
  });
}

function statOf(pid: number): { readonly command: string; readonly fields: readonly string[] } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const end = text.lastIndexOf(")");
    return { command: text.slice(text.indexOf("(") + 1, end), fields: text.slice(end + 2).split(" ") };
  } catch {
    return null;
  }
}

const TICKS_PER_SECOND = 100;

function cpuSecondsOf(pid: number): number {
  const fields = statOf(pid)?.fields ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
