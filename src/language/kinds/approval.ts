/** A step that asks people. */
import { z } from "zod";
import type { Json } from "../../shared/json.ts";
import { durationMs, durationText } from "../../shared/time.ts";
import { positiveDuration, template } from "../definition-words.ts";
import { NOTHING, type Template } from "../expressions/template.ts";
import { LIMITS } from "../limits.ts";
import { ANYTHING, objectOf, TEXT } from "../shape.ts";
import { stepFields } from "../step-definition.ts";
import { labelText, mayFailToRender, type KindDefinition } from "./kind.ts";

/** `role:operator` or `subject:key_…`. */
const assignees = z
  .array(z.string().regex(/^(role|subject):[A-Za-z0-9_.@-]+$/, 'expected "role:operator" or "subject:<a key\'s id>"'))
  .min(1)
  .max(LIMITS.assignees);

const schema = z.strictObject({
  ...stepFields,
  type: z.literal("approval"),
  title: z.string().min(1).max(LIMITS.textLength),
  /** What is to be approved. */
  payload: template.optional(),
  /** Who may decide; whoever may decide approvals unless said. */
  assignees: assignees.optional(),
  /** How many have to approve; one who rejects is enough. */
  quorum: z.int().min(1).max(LIMITS.quorum).optional(),
  due: positiveDuration.optional(),
  on_expiry: z.enum(["fail", "approve", "reject"]).optional(),
  /** Who is asked as well when it is due; then it is due once more. */
  escalate_to: assignees.optional(),
  /** Whether who approves may change the payload. */
  editable: z.boolean().optional(),
});

interface Approval {
  readonly title: Template;
  readonly payload: Template;
  readonly assignees: readonly string[];
  readonly quorum: number;
  readonly dueMs: number | null;
  readonly onExpiry: "fail" | "approve" | "reject";
  readonly escalateTo: readonly string[];
  readonly isEditable: boolean;
}

export const approval: KindDefinition<z.infer<typeof schema>, Approval> = {
  synonyms: [
    { words: "human human_approval human_review human_in_the_loop review manual manual_approval approve confirm gate user_input" },
  ],
  schema,
  compile: (step, written) => {
    const { due, payload } = written;
    if (written.escalate_to !== undefined && due === undefined) step.refuse("escalate_to", 'to escalate it has to be "due" some time');
    if (written.on_expiry !== undefined && due === undefined) step.refuse("on_expiry", 'it never expires unless it is "due"');
    return {
      title: step.template(written.title, "title"),
      payload: payload === undefined ? NOTHING : step.template(payload, "payload"),
      assignees: written.assignees ?? [],
      quorum: written.quorum ?? 1,
      dueMs: due === undefined ? null : durationMs(due),
      onExpiry: written.on_expiry ?? "fail",
      escalateTo: written.escalate_to ?? [],
      isEditable: written.editable ?? false,
    };
  },
  expressions: ({ title, payload }) => [
    { field: "title", value: title },
    { field: "payload", value: payload },
  ],
  takes: "people",
  staysInTask: true,
  outcomes: ({ title, payload, dueMs, onExpiry }) => ({
    completed: true,
    failed: (dueMs !== null && onExpiry === "fail") || mayFailToRender(title) || mayFailToRender(payload),
  }),
  output: ({ payload }, { isEditable }, shapes) => {
    const asked = isEditable ? ANYTHING : payload === undefined ? objectOf({}) : shapes.template(payload as Json);
    return objectOf({ decision: TEXT, payload: asked, decided_by: TEXT, comment: TEXT });
  },
  lateness: ({ dueMs }, _written, deadlineMs) =>
    dueMs === null || dueMs < deadlineMs
      ? null
      : { field: "/due", what: `is due after ${durationText(dueMs)}`, so: "it never expires, the task does" },
  box: ["[/", "\\]"],
  label: ({ title, due, escalate_to: then }) => {
    const expiry =
      due === undefined ? [] : [`within ${labelText(due)}${Array.isArray(then) ? `, then ${then.map(labelText).join(", ")}` : ""}`];
    return [labelText(title), ...expiry];
  },
};
