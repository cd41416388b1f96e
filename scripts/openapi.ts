/** Writes the OpenAPI document to the file that is named, without starting a server. */
import { mkdirSync, writeFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { dirname } from "node:path";

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error("Name a file: node scripts/openapi.ts dist/openapi.json");

// The document needs nothing of the platform, but its module must be there.
const PLATFORM = "data:text/javascript,export class DurableObject {} export const env = {};";
registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "cloudflare:workers" ? { url: PLATFORM, shortCircuit: true } : next(specifier, context),
});
const { documentOf } = await import("../src/http/openapi.ts");
const { createApi, ROOMS } = await import("../src/rooms.ts");
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify(documentOf(createApi(), ROOMS), null, 2)}\n`);
