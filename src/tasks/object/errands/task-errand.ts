/** An errand of a task: carried out because of commands, or because the task as it stands owes something. */
import type { Command } from "../../../engine/facts/command.ts";
import type { Errand } from "../../../objects/errands.ts";
import type { Loaded } from "../../journal/load.ts";

export type CommandOf<T extends Command["type"]> = Extract<Command, { readonly type: T }>;
export type TaskErrand<C extends Command = Command> = Errand<Loaded, C>;
