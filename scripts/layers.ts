/** Writes the linter's part of `src/layers.json`, the table of who may import whom, into `.oxlintrc.json`. */
import { readFileSync, writeFileSync } from "node:fs";
import { layerRules } from "../test/unit/layer-rules.ts";

const file = ".oxlintrc.json";
const configuration = JSON.parse(readFileSync(file, "utf8")) as { overrides: { readonly files: readonly string[] }[] };
const layers = JSON.parse(readFileSync("src/layers.json", "utf8")) as Readonly<Record<string, readonly string[]>>;
const others = configuration.overrides.filter(({ files }) => !files.some((pattern) => /^src\/[a-z]+\/\*\*$/.test(pattern)));
configuration.overrides = [...layerRules(layers), ...others];
writeFileSync(file, `${JSON.stringify(configuration, null, 2)}\n`);
