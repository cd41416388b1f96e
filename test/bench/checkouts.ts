/** Versions of the service, each in a checkout of its own with what its own lockfile names. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { progress } from "./report.ts";

const root = join(import.meta.dirname, "..", "..");

/** What the reference names, in the folder. */
export function checkOut(reference: string, folder: string): string {
  const commit = run("git", ["rev-parse", "--short", `${reference}^{commit}`], root);
  progress(`checking out ${reference} (${commit})`);
  run("git", ["clone", "--quiet", "--shared", "--no-checkout", root, folder], root);
  run("git", ["checkout", "--quiet", "--detach", run("git", ["rev-parse", `${reference}^{commit}`], root)], folder);
  run("npm", ["ci", "--no-audit", "--no-fund", "--prefer-offline"], folder);
  return commit;
}

function run(command: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${stderr}`);
  return stdout.trim();
}
