/** What authors call the fields and kinds of steps when they think of another language. */
import { nearest } from "../../shared/text.ts";
import { kindOf, STEP_KINDS, type StepKind } from "../kinds/table.ts";

/** The field that goes by another name here, of those that the place has. */
export function fieldNamed(written: string, fields: readonly string[]): string | null {
  return fieldsMeant(written).find((field) => fields.includes(field)) ?? null;
}

/** All that a word may stand for, whether the place has it or not. */
export function fieldsMeant(written: string): readonly string[] {
  const snake = snakeCase(written);
  return [snake, ...(FIELDS_BY_WORD.get(snake) ?? [])];
}

export interface MeantKind {
  readonly kind: StepKind;
  /** What to know about it, where the word means something else. */
  readonly note: string | null;
}

export function meantKind(written: string): MeantKind | null {
  const snake = snakeCase(written);
  const known = KIND_BY_WORD.get(snake) ?? KIND_BY_WORD.get(snake.replace(/_?(step|task|node|state)$/, ""));
  if (known !== undefined) return known;
  const kind = nearest(snake, STEP_KINDS) as StepKind | null;
  return kind === null ? null : { kind, note: null };
}

/** The value that was probably meant, of those that are allowed. */
export function meantValue(written: string, values: readonly string[]): string | null {
  const snake = snakeCase(written);
  if (values.includes(snake)) return snake;
  const synonym = VALUES_BY_WORD.get(snake)?.find((value) => values.includes(value));
  return synonym ?? nearest(snake, values);
}

function snakeCase(word: string): string {
  return word
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replaceAll(/[\s-]+/g, "_")
    .toLowerCase();
}

const WORDS_BY_FIELD: { readonly [field: string]: string } = {
  needs: "depends_on depends dependencies dependency depend_on requires require after prerequisites predecessors upstream wait_for",
  agent: "agent_id agent_name agents assigned_to assignee worker executor handler",
  capability: "capabilities skill skills tool tool_name action task function operation role",
  when: "if condition only_if guard run_when predicate expression",
  run_if: "trigger_rule run_condition join",
  input: "inputs params parameters args arguments payload data with prompt instructions message body",
  output: "outputs result results return returns value set output_mapping",
  description: "name title label desc summary comment notes",
  over: "items foreach for_each each list collection iterate_over iterator source in array",
  as: "item item_name item_var variable var item_variable iterator_name alias",
  steps: "do tasks substeps sub_steps inner_steps children actions nodes stages branches body loop then workflow_steps",
  cases: "branches choices options conditions when_cases rules",
  default: "else otherwise default_case fallback",
  max: "max_iterations iterations times count limit max_attempts max_loops max_rounds",
  until: "condition exit_condition stop_when stop_condition break_if while end_when",
  concurrency: "max_parallel parallelism max_concurrency parallel concurrent max_concurrent",
  tolerate: "tolerance max_failures allowed_failures tolerated_failures",
  for: "duration seconds delay sleep time timeout wait wait_for",
  workflow: "workflow_name workflow_id subworkflow sub_workflow ref name definition",
  name: "event signal_name signal event_name channel topic",
  title: "message question prompt subject name",
  assignees: "approvers reviewers assignee assigned_to approver users",
  due: "expires_in deadline timeout due_in expires expiry",
  retry: "retries max_retries retry_policy retry_count attempts retry_config",
  max_attempts: "retries max_retries attempts count limit max tries",
  delay: "interval initial_delay backoff_seconds wait initial_interval delay_seconds backoff_delay",
  strategy: "backoff backoff_strategy type policy",
  factor: "multiplier backoff_multiplier backoff_coefficient backoff_factor coefficient",
  max_delay: "max_interval max_backoff cap",
  timeout: "time_limit timeout_seconds timeout_ms timeout_s max_time execution_timeout",
  on_error: "on_failure error_handler catch continue_on_error on_fail error_handling",
  compensate: "rollback undo compensation on_rollback",
  fallback: "fallbacks alternatives backup",
  input_schema: "schema inputs input parameters input_type",
  output_schema: "outputs result_schema output_type",
  on_completed: "on_complete on_success then next",
  on_failed: "on_failure on_error catch",
  agents: "count size number replicas",
  match: "filter where condition",
};

const WORDS_BY_VALUE: { readonly [value: string]: string } = {
  continue: "ignore skip resume proceed",
  fail: "abort stop raise throw error terminate fail_task",
  all_completed: "all_success all_succeeded success succeeded on_success all",
  all_settled: "always all_done done finally finished all_finished",
  none_failed: "no_failures none_fail",
  any_completed: "one_success any one any_success any_succeeded",
  any_failed: "one_failed on_failure failure failed on_error error",
  exponential: "exponential_backoff backoff",
  fixed: "constant none",
  completed: "success succeeded complete ok done",
  failed: "failure error abort",
  approve: "approved accept auto_approve",
  reject: "rejected deny auto_reject cancel",
  none: "false off",
  full: "true on random",
};

/** By word; the first that the place has is meant. */
const FIELDS_BY_WORD = byWord(WORDS_BY_FIELD);
const VALUES_BY_WORD = byWord(WORDS_BY_VALUE);

function byWord(words: { readonly [meant: string]: string }): ReadonlyMap<string, readonly string[]> {
  const pairs = Object.entries(words).flatMap(([meant, list]) => list.split(" ").map((word) => ({ word, meant })));
  const groups = Map.groupBy(pairs, ({ word }) => word);
  return new Map([...groups].map(([word, group]) => [word, group.map(({ meant }) => meant)]));
}

const KIND_BY_WORD: ReadonlyMap<string, MeantKind> = new Map(
  STEP_KINDS.flatMap((kind) =>
    kindOf(kind).synonyms.flatMap(({ words, note = null }) => words.split(" ").map((word) => [word, { kind, note }] as const)),
  ),
);
