/** What lint warns of: definitions that may run, but hardly as they were meant. Codes are stable. */
export const LINT_CODES = {
  unreachable_step: "A step can never run: because of what it needs, of its `run_if`, or because the task has ended by then.",
  unreachable_case: "A case of a switch, or its default, comes after a case that always holds.",
  constant_condition: "A condition reads nothing that can change: it always holds, or never.",
  condition_never_holds: "A condition asks for what cannot be when it is asked, such as the failure of a step that has completed by then.",
  early_end: "A step ends the task as soon as the task begins, because it needs nothing.",
  cut_off_step: "A step leads nowhere, and a step that ends the task does not wait for it.",
  repeated_need: "A step names the same step in `needs` more than once.",
  unknown_field: "An expression reads a field that the value does not have, as far as schemas and the definition tell.",
  missing_input: "A step's input lacks a field that every agent that could be asked, or the workflow that is started, requires.",
  literal_reference: "A text looks like an expression and is none, because it is not in `${ … }`.",
  shadowed_name: "A map's item or index has the name of an outer one, which the steps inside cannot see any more.",
  retry_delay_cut: "The pause before a retry is longer than its own `max_delay` allows.",
  unbounded_map: "A map over a list of any length has no `concurrency`: it would ask as many agents at once as there are items.",
  too_many_steps: "Items and iterations may come to more steps than a task can have.",
  outlasts_deadline: "A wait, or the retries of a step, take longer than the definition's own `deadline` allows.",
  budget_too_small: "The definition's own `budget` is smaller than the cheapest way through the steps that run in any case.",
  unknown_capability: "Nobody who is registered offers the capability.",
  unknown_agent: "No agent of that id is registered.",
  too_few_agents: "An ensemble wants more agents than offer the capability.",
  no_fitting_agent: "Of those who offer the capability nobody has the region, version or labels that the step selects.",
  unknown_workflow: "A reference to a registered workflow cannot be resolved.",
  endless_workflow: "The workflow starts itself again without any condition, directly or through others.",
  waits_for_itself: "A step starts a workflow that needs the place under a key which the task itself has until that has ended.",
  not_checked: "Agents or workflows could not be looked up, so what depends on them was not checked.",
} as const;

export type LintCode = keyof typeof LINT_CODES;

export interface Warning {
  readonly code: LintCode;
  /** JSON Pointer into the definition. */
  readonly pointer: string;
  readonly message: string;
  /** What was probably meant: a name, a text or an expression as it is, anything else as JSON. */
  readonly suggestion?: string;
}
