/** The linter's rules that follow from the table of who may import whom (`src/layers.json`). */

type Layers = Readonly<Record<string, readonly string[]>>;

interface Restriction {
  readonly regex: string;
  readonly message: string;
}

/** Rooms that know no platform, and which that is. */
const PLATFORM: Readonly<Record<string, string>> = {
  shared: "^(cloudflare:|hono|drizzle-orm)",
  language: "^(node:|cloudflare:|hono|drizzle-orm)",
  engine: "^(node:|cloudflare:|hono|drizzle-orm)",
};
/** … and those that use no word which reads a clock, chance or the outside. */
const PURE = new Set(["language", "engine"]);
const IMPURE = "/shared/(ids|keyring|config|log|read-text|json-bytes)\\.ts$";

export function layerRules(layers: Layers) {
  return Object.keys(layers).map((room) => ({
    files: [`src/${room}/**`],
    rules: { "eslint/no-restricted-imports": ["error", { patterns: restrictionsOf(room, layers) }] },
  }));
}

function restrictionsOf(room: string, layers: Layers): readonly Restriction[] {
  if (room === "kit") return [{ regex: "^(?!\\./)", message: "the kit imports nothing of ours and no platform: web standards only" }];
  const others = Object.keys(layers).filter((other) => other !== room && !(layers[room] ?? []).includes(other));
  const platform = PLATFORM[room];
  return [
    {
      regex: `^(\\.\\./)+(${[...others, "index", "rooms"].join("|")})(/|\\.ts$)`,
      message: `${room} imports ${wordsOf(layers[room] ?? [])}`,
    },
    ...(platform === undefined ? [] : [{ regex: platform, message: `${room} knows no platform` }]),
    ...(PURE.has(room) ? [{ regex: IMPURE, message: `${room} has no clock, no chance and nothing of the outside` }] : []),
  ];
}

const wordsOf = (rooms: readonly string[]): string => (rooms.length === 0 ? "nothing of ours" : rooms.join(", "));
