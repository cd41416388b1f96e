/** What the object of a key answers to, and what it asks of tasks: plain data in, promises of plain data out. */
import type { Burst } from "./burst.ts";
import type { Entered, Entrant, Reserved } from "./entrant.ts";

/** Which gate; objects are named `{tenant}/{key}`. */
export interface GateName {
  readonly tenant: string;
  readonly key: string;
}

export interface GateContract {
  /** A task wants to run. Asking again changes nothing; whoever waits is told when its turn comes. */
  enter(name: GateName, entrant: Entrant): Promise<Entered>;
  /** Keeps a place, if there is one, for a task that is about to be created and enters then. */
  reserve(name: GateName, entrant: Entrant): Promise<Reserved>;
  /** Which task stands for the burst of submissions: the one `asked` for, unless there is one that is not known to be `over`. */
  burst(name: GateName, asked: Burst, over: string | null): Promise<Burst>;
  /** Gives a place back, or leaves the line, and stands for no burst; with a number only the place of that grant. */
  leave(name: GateName, task: string, grant?: number): Promise<void>;
  /** 1 for who is next, `null` for who is not in line. */
  position(task: string): Promise<number | null>;
}

/** Those under a key: tasks. */
export interface GatePorts {
  /** Lets a task begin, or asks whether it still has its place: `false` when it has ended, or is not there. */
  readonly admit: (tenant: string, task: string, key: string) => Promise<boolean>;
  /** `by`: the task that takes its place. */
  readonly cancel: (tenant: string, task: string, reason: string, by: string) => Promise<void>;
}
