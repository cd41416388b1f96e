/** Reads a JSON body before any schema sees it: bounded in bytes and depth, UTF-8, of the right media type. */
import type { Context, MiddlewareHandler } from "hono";
import { rejection } from "../shared/errors.ts";
import { nestingDepth } from "../shared/json.ts";
import { LIMITS } from "../shared/limits.ts";
import { readText, TooLarge } from "../shared/read-text.ts";
import { Refused } from "./problem.ts";
import type { Api } from "./route.ts";

/** Must run before the validators, which take the text from where this puts it. An optional body reads as `{}`. */
export function jsonBody(maxBytes: number, isRequired: boolean): MiddlewareHandler<Api> {
  return async (c, next) => {
    const mediaType = (c.req.header("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
    const text = await read(c.req.raw, maxBytes);
    if (text === "" && !isRequired) {
      keep(c, mediaType === "" ? "" : "{}");
      return next();
    }
    if (mediaType !== "application/json" && !/^application\/[\w.-]+\+json$/.test(mediaType)) {
      throw new Refused(
        rejection("unsupported_media_type", `Expected Content-Type: application/json, got ${mediaType === "" ? "none" : `"${mediaType}"`}`),
      );
    }
    if (nestingDepth(text) > LIMITS.jsonDepth)
      throw new Refused(rejection("invalid_json", `The body nests deeper than ${LIMITS.jsonDepth} levels`));
    keep(c, text);
    return next();
  };
}

/** Where the validators look for the body. Hono keeps promises there, whatever its type says. */
function keep(c: Context<Api>, text: string): void {
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
