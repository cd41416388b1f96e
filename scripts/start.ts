/** `npm start`: the whole service on this machine. Further arguments go to `wrangler dev`. */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { readConfig } from "../src/shared/config.ts";
import { ensureSettings } from "./settings.ts";

const root = join(import.meta.dirname, "..");
const wrangler = join(createRequire(import.meta.url).resolve("wrangler/package.json"), "..", "bin", "wrangler.js");
const cache = join(root, "node_modules", ".cache", "orchestrator");
// Wrangler's own code is compiled once; it does not look up where this machine is, and keeps no trace of every request.
const env = {
  X_LOCAL_OBSERVABILITY: "false",
  NODE_COMPILE_CACHE: join(cache, "compiled"),
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  ...process.env,
  WRANGLER_SEND_METRICS: "false",
  CI: "true",
};

const settings = ensureSettings(join(root, ".dev.vars"));
const config = readConfig(settings);
if (!config.ok) {
  console.error(`${config.error} (settings are in .dev.vars)`);
  process.exit(1);
}

const passedOn = process.argv.slice(2);
const at = passedOn.findIndex((argument) => /^--persist-to(=|$)/.test(argument));
const persistence = at === -1 ? [] : passedOn.slice(at, passedOn[at] === "--persist-to" ? at + 2 : at + 1);
const folder = persistence.length === 0 ? join(root, ".wrangler", "state") : (persistence.at(-1) ?? "").replace(/^--persist-to=/, "");

/** Which migrations the database of the folder has had: looking for them takes longer than anything else of a start. */
const marker = join(folder, "migrations.txt");
const migrations = readdirSync(join(root, "migrations"))
  .filter((name) => name.endsWith(".sql"))
  .toSorted();
const wanted = migrations.join("\n");
const isMigrated = existsSync(join(folder, "v3", "d1")) && existsSync(marker) && readFileSync(marker, "utf8") === wanted;
if (!isMigrated && !copyMigrated()) migrate();

console.log(`ROOT_API_KEY=${config.value.rootApiKey}`);
const server = spawn(process.execPath, [wrangler, "dev", "--show-interactive-dev-session=false", ...passedOn], {
  cwd: root,
  env,
  stdio: "inherit",
});
server.on("exit", (code, signal) => process.exit(code ?? (signal === null ? 0 : 1)));

// npm ends its shell and itself when it is told to end, and tells nobody else.
if (process.env["npm_lifecycle_event"] !== undefined) {
  const { ppid } = process;
  setInterval(() => {
    if (process.ppid !== ppid) server.kill("SIGTERM");
  }, 500).unref();
}
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => server.kill(signal));
process.on("disconnect", () => server.kill("SIGTERM"));

function migrate(): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, [wrangler, "d1", "migrations", "apply", "DB", "--local", ...persistence], {
    cwd: root,
    env,
    encoding: "utf8",
  });
  if (status !== 0) {
    console.error(stdout, stderr);
    process.exit(1);
  }
  writeFileSync(marker, wanted);
}

/** A new folder begins with a copy of a database that had these migrations, and the first one is kept for the others. */
function copyMigrated(): boolean {
  if (existsSync(join(folder, "v3"))) return false;
  const hash = createHash("sha256").update(wrangler);
  for (const name of migrations) hash.update(readFileSync(join(root, "migrations", name)));
  const migrated = join(cache, `migrated-${hash.digest("hex").slice(0, 16)}`);
  if (!existsSync(migrated)) {
    migrate();
    mkdirSync(cache, { recursive: true });
    const copy = `${migrated}.${process.pid}`;
    cpSync(join(folder, "v3", "d1"), join(copy, "v3", "d1"), { recursive: true });
    try {
      renameSync(copy, migrated);
    } catch {
      // Another start was faster.
    }
    return true;
  }
  cpSync(migrated, folder, { recursive: true });
  writeFileSync(marker, wanted);
  return true;
}
