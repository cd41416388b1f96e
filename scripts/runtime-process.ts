/** The runtime's own process, under the launcher that started it: what it has used of the machine. */
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";

export interface RuntimeProcess {
  readonly pid: number;
  readonly cpuSeconds: () => number;
  /** The most memory that it had since `resetPeak`, and what it has. */
  readonly peakBytes: () => number;
  readonly bytes: () => number;
  readonly resetPeak: () => void;
}

export function runtimeUnder(launcher: number, state: string): RuntimeProcess {
  const pid = runtimeOf(launcher, state);
  const memory = (field: string): number =>
    Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  return {
    pid,
    cpuSeconds: () => cpuSecondsOf(pid),
    peakBytes: () => memory("VmHWM"),
    bytes: () => memory("VmRSS"),
    resetPeak: () => writeFileSync(`/proc/${pid}/clear_refs`, "5"),
  };
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
