/** Reads a JSON body before any schema sees it: bounded in bytes, depth and parts, its numbers exact, UTF-8, of the right media type; YAML becomes JSON. */
import type { Context, MiddlewareHandler } from "hono";
import { rejection, rejectionOf, type Rejection } from "../shared/errors.ts";
import { checkedText, type TextProblem } from "../shared/json-text.ts";
import { notExact } from "../shared/json-number.ts";
import { LIMITS } from "./limits.ts";
import { readText, TooLarge } from "../shared/read-text.ts";
import { excerpt } from "../shared/text.ts";
import { readYaml } from "../shared/yaml.ts";
import { Refused } from "./problem.ts";
import type { Api } from "./route.ts";

/** The registered media type, and what came before it. */
export const YAML_TYPES: readonly string[] = ["application/yaml", "text/yaml", "application/x-yaml"];

/** Must run before the validators, which take the text from where this puts it. An optional body reads as `{}`. */
export function jsonBody(maxBytes: number, isRequired: boolean, takesYaml: boolean): MiddlewareHandler<Api> {
  const expected = takesYaml ? "application/json or application/yaml" : "application/json";
  const isTaken = (mediaType: string): boolean =>
    mediaType === "application/json" || JSON_SUFFIX.test(mediaType) || (takesYaml && YAML_TYPES.includes(mediaType));
  return async (c, next) => {
    const mediaType = mediaTypeOf(c);
    // What is not taken is not read. Without a body its type does not matter, where there may be none.
    if (isRequired || (mediaType !== "" && mayHaveBody(c.req.raw))) requireType(mediaType, isTaken, expected);
    const text = await read(c.req.raw, maxBytes);
    if (text === "" && !isRequired) {
      keep(c, mediaType === "" ? "" : "{}");
      return next();
    }
    requireType(mediaType, isTaken, expected);
    if (YAML_TYPES.includes(mediaType)) {
      keepAsJson(c, bounded(jsonOf(text, maxBytes)));
      return next();
    }
    keep(c, bounded(text));
    return next();
  };
}

const BOUNDS = { depth: LIMITS.jsonDepth, parts: LIMITS.jsonParts };

function bounded(text: string): string {
  const checked = checkedText(text, BOUNDS);
  if (!checked.ok) throw new Refused(refusalOf(checked.error));
  return checked.value;
}

function refusalOf(problem: TextProblem): Rejection {
  switch (problem.type) {
    case "too_deep":
      return rejection("invalid_json", `The body nests deeper than ${LIMITS.jsonDepth} levels`);
    case "too_many_parts":
      return rejection("body_too_large", `The body has more than ${LIMITS.jsonParts} objects, lists and members`);
    case "number_not_exact":
      return rejectionOf([{ code: problem.type, pointer: problem.pointer, message: notExact(problem.number) }], "invalid_request");
  }
}

const JSON_SUFFIX = /^application\/[\w.-]{1,100}\+json$/;
const NDJSON_TYPES: readonly string[] = ["application/x-ndjson", "application/jsonl"];

/** The same for lines of JSON, which are read one by one later. */
export function linesBody(maxBytes: number): MiddlewareHandler<Api> {
  return async (c, next) => {
    requireType(mediaTypeOf(c), (mediaType) => NDJSON_TYPES.includes(mediaType), "application/x-ndjson");
    keep(c, await read(c.req.raw, maxBytes));
    return next();
  };
}

/** The media type in lower case, `""` if none is named. A body that is packed, or not in UTF-8, is not one that we read. */
function mediaTypeOf(c: Context): string {
  const encoding = c.req.header("content-encoding")?.trim().toLowerCase() ?? "";
  if (encoding !== "" && encoding !== "identity")
    throw unsupported(`Content-Encoding: ${excerpt(encoding, NAMED)} is not supported; send the body as it is`);
  const [mediaType = "", ...parameters] = (c.req.header("content-type") ?? "").split(";").map((part) => part.trim().toLowerCase());
  const charset = parameters.find((parameter) => parameter.startsWith("charset="))?.slice("charset=".length);
  if (charset !== undefined && !UTF_8.includes(charset.replaceAll('"', "")))
    throw unsupported(`The charset ${excerpt(charset, NAMED)} is not supported; send UTF-8`);
  return mediaType;
}

/** ASCII is part of UTF-8. */
const UTF_8: readonly string[] = ["utf-8", "utf8", "us-ascii", "ascii"];

function requireType(mediaType: string, isTaken: (mediaType: string) => boolean, expected: string): void {
  if (isTaken(mediaType)) return;
  throw unsupported(`Expected Content-Type: ${expected}, got ${mediaType === "" ? "none" : `"${excerpt(mediaType, NAMED)}"`}`);
}

const mayHaveBody = ({ body, headers }: Request): boolean => body !== null && headers.get("content-length") !== "0";

/** Characters of what was sent that are said back. */
const NAMED = 100;

const unsupported = (detail: string): Refused => new Refused(rejection("unsupported_media_type", detail));

function jsonOf(yaml: string, maxBytes: number): string {
  const parsed = readYaml(yaml, maxBytes);
  if (parsed.ok) return JSON.stringify(parsed.value);
  const { message, line, column, number } = parsed.error;
  if (number !== undefined) throw new Refused(refusalOf({ type: "number_not_exact", ...number }));
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
