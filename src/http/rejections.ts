/** What a caller can be told by this room alone. */
import { defineRejections, usage, later } from "../shared/errors.ts";

export const REJECTIONS = defineRejections({
  invalid_json: usage("The body is not valid JSON"),
  invalid_yaml: usage("The body is not valid YAML"),
  body_too_large: usage("The body is too large", 413),
  unsupported_media_type: usage("The body has an unsupported media type", 415),
  method_not_allowed: usage("The method is not allowed here", 405),
  unauthorized: { status: 401, title: "Valid credentials are required", exit: 3, retryable: false },
  rate_limited: later("Too many requests", 429),
  misconfigured: { status: 503, title: "The service is not configured", exit: 70, retryable: false },
});

declare module "../shared/errors.ts" {
  interface Rejections extends Readonly<Record<keyof typeof REJECTIONS, Meaning>> {}
}
