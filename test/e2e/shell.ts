/** One shell, as a reader has it open: what a block of commands sets, the next one finds. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export interface Printed {
  readonly succeeded: boolean;
  readonly output: string;
  readonly errors: string;
}

/** The longest that a block may take. */
const BLOCK_MS = 90_000;

export class Shell {
  readonly #folder = mkdtempSync(join(tmpdir(), "shell-"));
  readonly #process: ChildProcess;
  #blocks = 0;
  #told = "";
  #wake = (): void => {};

  constructor(cwd: string) {
    const path = [dirname(process.execPath), join(cwd, "node_modules", ".bin"), process.env["PATH"]].join(":");
    // A group of its own, so that what was left running ends with it.
    this.#process = spawn("bash", ["--noprofile", "--norc"], {
      cwd,
      env: { ...process.env, PATH: path, WRANGLER_SEND_METRICS: "false", CI: "true" },
      detached: true,
      stdio: ["pipe", "ignore", "ignore", "pipe"],
    });
    this.#process.stdio[3]?.on("data", (chunk: Buffer) => {
      this.#told += chunk.toString();
      this.#wake();
    });
  }

  /** Runs commands up to the first that fails. After a failure the shell is gone. */
  async run(commands: string): Promise<Printed> {
    const block = ++this.#blocks;
    const file = (kind: string): string => join(this.#folder, `${block}.${kind}`);
    writeFileSync(file("sh"), `set -e\n${commands}\nset +e\n`);
    const guarded = `. '${file("sh")}' </dev/null >'${file("out")}' 2>'${file("err")}'`;
    this.#process.stdin?.write(`trap 'echo ${block} failed >&3' EXIT; ${guarded}; trap - EXIT; echo ${block} done >&3\n`);
    await this.#until(() => this.#told.includes(`${block} `), commands);
    return {
      succeeded: this.#told.includes(`${block} done`),
      output: readFileSync(file("out"), "utf8"),
      errors: readFileSync(file("err"), "utf8"),
    };
  }

  /** The same where a failure is what should happen: nothing that was set remains, and the shell goes on. */
  async attempt(commands: string): Promise<Printed> {
    const printed = await this.run(`( set -e\n${commands}\n) || echo failed >&2`);
    return { ...printed, succeeded: !/^failed$/m.test(printed.errors) };
  }

  end(): void {
    try {
      if (this.#process.pid !== undefined) process.kill(-this.#process.pid, "SIGKILL");
    } catch {
      // Nobody of the group is left.
    }
  }

  #until(check: () => boolean, commands: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`After ${BLOCK_MS} ms it has not ended:\n${commands}`)), BLOCK_MS);
      this.#wake = () => {
        if (!check()) return;
        clearTimeout(timer);
        resolve();
      };
      this.#wake();
    });
  }
}
