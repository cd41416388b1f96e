/**
 * Makes a lost list of tasks again from the tasks themselves: `npm run relist`. Which objects there are says the state folder of
 * a local service (`--persist-to`, as `npm start` takes it), or, with `--namespace` and its id, the platform's list of a
 * deployed one, for which CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN are needed. `--url` is where the service answers; the
 * key is ROOT_API_KEY, or that of `.dev.vars`. May be repeated; exit code 1 if the service refuses.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { z } from "zod";
import { ensureSettings } from "./settings.ts";

const root = join(import.meta.dirname, "..");
const { values } = parseArgs({
  options: {
    url: { type: "string", default: "http://127.0.0.1:8787" },
    "persist-to": { type: "string", default: join(root, ".wrangler", "state") },
    namespace: { type: "string" },
  },
});
/** As many as one request takes. */
const AT_ONCE = 100;
const RELISTED = z.object({ listed: z.int(), missing: z.array(z.string()) });
const OBJECTS = z.object({
  result: z.array(z.object({ id: z.string(), hasStoredData: z.boolean().optional() })),
  result_info: z.object({ cursor: z.string().optional() }).optional(),
});

const key = process.env["ROOT_API_KEY"] ?? ensureSettings(join(root, ".dev.vars"))["ROOT_API_KEY"] ?? "";
const objects = values.namespace === undefined ? objectsIn(values["persist-to"]) : await objectsOf(values.namespace);
let listed = 0;
for (let from = 0; from < objects.length; from += AT_ONCE) {
  const answer = await fetch(`${values.url}/api/v1/registry/tasks`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ objects: objects.slice(from, from + AT_ONCE) }),
  });
  if (!answer.ok) fail(`The service answered ${answer.status}: ${await answer.text()}`);
  listed += RELISTED.parse(await answer.json()).listed;
}
// The others have no task any more, or another tenant's.
console.log(JSON.stringify({ objects: objects.length, listed }));

function objectsIn(folder: string): readonly string[] {
  const objectsAt = join(folder, "v3", "do", "orchestrator-Task");
  if (!existsSync(objectsAt)) fail(`No tasks in ${folder}: name the state folder of the service with --persist-to`);
  return readdirSync(objectsAt).flatMap((name) => /^([0-9a-f]{64})\.sqlite$/.exec(name)?.[1] ?? []);
}

async function objectsOf(namespace: string): Promise<readonly string[]> {
  const { CLOUDFLARE_ACCOUNT_ID: account, CLOUDFLARE_API_TOKEN: token } = process.env;
  if (account === undefined || token === undefined) fail("Expected CLOUDFLARE_ACCOUNT_ID and CLOUDFLARE_API_TOKEN");
  const found: string[] = [];
  for (let cursor: string | undefined = ""; cursor !== undefined;) {
    const page = new URL(
      `https://api.cloudflare.com/client/v4/accounts/${account}/workers/durable_objects/namespaces/${namespace}/objects`,
    );
    page.searchParams.set("limit", "1000");
    if (cursor !== "") page.searchParams.set("cursor", cursor);
    const answer = await fetch(page, { headers: { authorization: `Bearer ${token}` } });
    if (!answer.ok) fail(`The platform answered ${answer.status}: ${await answer.text()}`);
    const { result, result_info: info } = OBJECTS.parse(await answer.json());
    for (const { id, hasStoredData } of result) if (hasStoredData !== false) found.push(id);
    cursor = info?.cursor === "" ? undefined : info?.cursor;
  }
  return found;
}

function fail(what: string): never {
  console.error(what);
  process.exit(1);
}
