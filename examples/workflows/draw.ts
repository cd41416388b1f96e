/** `npm run draw`: brings the drawings in `examples/README.md` up to date with the definitions. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { redrawn } from "./drawings.ts";

const readme = join(import.meta.dirname, "..", "README.md");
writeFileSync(readme, redrawn(readFileSync(readme, "utf8")));
