/** Reads a JSON body before any schema sees it: bounded in bytes and depth, UTF-8, of the right media type; YAML becomes JSON. */
import type { Context, MiddlewareHandler } from "hono";
import { rejection } from "../shared/errors.ts";
import { nestingDepth } from "../shared/json.ts";
import { LIMITS } from "./limits.ts";
import { readText, TooLarge } from "../shared/read-text.ts";
import { readYaml } from "../shared/yaml.ts";
import { Refused } from "./problem.ts";
import type { Api } from "./route.ts";

/** The registered media type, and what came before it. */
export const YAML_TYPES: readonly string[] = ["application/yaml", "text/yaml", "application/x-yaml"];

/** Must run before the validators, which take the text from where this puts it. An optional body reads as `{}`. */
export function jsonBody(maxBytes: number, isRequired: boolean, takesYaml: boolean): MiddlewareHandler<Api> {
  return async (c, next) => {
    const mediaType = (c.req.header("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
    const text = await read(c.req.raw, maxBytes);
    if (text === "" && !isRequired) {
      keep(c, mediaType === "" ? "" : "{}");
      return next();
    }
    if (takesYaml && YAML_TYPES.includes(mediaType)) {
      keepAsJson(c, jsonOf(text, maxBytes));
      return next();
    }
    if (mediaType !== "application/json" && !/^application\/[\w.-]+\+json$/.test(mediaType)) {
      const expected = takesYaml ? "application/json or application/yaml" : "application/json";
      throw new Refused(
        rejection("unsupported_media_type", `Expected Content-Type: ${expected}, got ${mediaType === "" ? "none" : `"${mediaType}"`}`),
      );
    }
    if (nestingDepth(text) > LIMITS.jsonDepth)
      throw new Refused(rejection("invalid_json", `The body nests deeper than ${LIMITS.jsonDepth} levels`));
    keep(c, text);
    return next();
  };
}

const NDJSON_TYPES: readonly string[] = ["application/x-ndjson", "application/jsonl"];

/** The same for lines of JSON, which are read one by one later. */
export function linesBody(maxBytes: number): MiddlewareHandler<Api> {
  return async (c, next) => {
    const mediaType = (c.req.header("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
    if (!NDJSON_TYPES.includes(mediaType)) {
      const got = mediaType === "" ? "none" : `"${mediaType}"`;
      throw new Refused(rejection("unsupported_media_type", `Expected Content-Type: application/x-ndjson, got ${got}`));
    }
    keep(c, await read(c.req.raw, maxBytes));
    return next();
  };
}

function jsonOf(yaml: string, maxBytes: number): string {
  const parsed = readYaml(yaml, maxBytes);
  if (parsed.ok) return JSON.stringify(parsed.value);
  const { message, line, column } = parsed.error;
  throw new Refused(rejection("invalid_yaml", `Line ${line}, column ${column}: ${message}`, { facts: { line, column } }));
}

/** The validators go by the media type, so from here on the request says what it has become. */
function keepAsJson(c: Context, json: string): void {
  const headers = new Headers(c.req.raw.headers);
  headers.set("content-type", "application/json");
  c.req.raw = new Request(c.req.url, { method: c.req.method, headers, body: json });
  keep(c, json);
}

/** Where the validators look for the body. Hono keeps promises there, whatever its type says. */
function keep(c: Context, text: string): void {
  c.req.bodyCache.text = Promise.resolve(text) as unknown as string;
}

async function read(request: Request, maxBytes: number): Promise<string> {
  try {
    return await readText(request, maxBytes, { fatal: true });
  } catch (error) {
    if (error instanceof TooLarge) throw new Refused(rejection("body_too_large", `The body is larger than ${maxBytes} bytes`));
    if (error instanceof TypeError) throw new Refused(rejection("invalid_json", "The body is not UTF-8"));
    throw error;
  }
}
