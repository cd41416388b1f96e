/** Writes the OpenAPI document to the file that is named, without starting a server. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { documentOf } from "../src/http/openapi.ts";
import { createApi, ROOMS } from "../src/rooms.ts";

const [file] = process.argv.slice(2);
if (file === undefined) throw new Error("Name a file: node scripts/openapi.ts dist/openapi.json");
const api = createApi(() => ({ fault: "The document needs no services" }));
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify(documentOf(api, ROOMS), null, 2)}\n`);
