/** The settings of local runs, in `.dev.vars`: whichever is missing is added, nothing else is changed. */
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";

const DEFAULTS: readonly (readonly [name: string, value: () => string])[] = [
  ["ROOT_API_KEY", () => `root_${randomBytes(24).toString("base64url")}`],
  // Agents may live on this machine's loopback addresses, and nowhere else that is not public.
  ["ALLOW_LOOPBACK_AGENTS", () => "true"],
];

/** Every setting in the file, after adding what was missing. */
export function ensureSettings(file: string): Readonly<Record<string, string>> {
  const before = existsSync(file) ? readFileSync(file, "utf8") : "";
  const present = parse(before);
  const missing = DEFAULTS.filter(([name]) => !(name in present)).map(([name, value]) => `${name}=${value()}\n`);
  if (missing.length === 0) return present;
  const separator = before === "" || before.endsWith("\n") ? "" : "\n";
  const after = before + separator + missing.join("");
  writeFileSync(file, after, { mode: 0o600 });
  return parse(after);
}

function parse(text: string): Record<string, string> {
  const entries = text.split("\n").flatMap((line): [string, string][] => {
    const match = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/.exec(line);
    return match === null ? [] : [[match[1] as string, (match[2] as string).replace(/^(["'])(.*)\1$/, "$2")]];
  });
  return Object.fromEntries(entries);
}
