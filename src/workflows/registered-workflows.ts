/** The workflows of a tenant as records of a file: every version, and what is kept of their names. */
import { z } from "zod";
import { identifier } from "../language/definition-words.ts";
import { actorInFile, exported, momentInFile, registeredKind, type RegisteredKind } from "../records/registered.ts";
import type { Fault } from "../shared/errors.ts";
import type { Channel } from "./channels.ts";
import { channelsRefusal, type NameCopy, type VersionPosition, type WorkflowCopies } from "./copies.ts";
import { LIMITS } from "./limits.ts";
import { definitionFaults, restoreChannels, restoreVersion } from "./operations.ts";
import type { WorkflowVersion } from "./registry.ts";

const version = z.int().min(1).max(Number.MAX_SAFE_INTEGER);

/** PERSISTED in files. */
const versionInFile = z.strictObject({
  name: identifier,
  version,
  /** The text exactly as it is kept. */
  definition: z.string().max(LIMITS.definitionBytes),
  created_at: momentInFile,
  created_by: actorInFile,
});
type VersionInFile = z.infer<typeof versionInFile>;

/** PERSISTED in files. */
const nameInFile = z.strictObject({
  workflow: identifier,
  retired: z.int().min(0),
  channels: z
    .array(
      z.strictObject({
        channel: identifier,
        version,
        percent: z.number().min(0).max(100).optional(),
        updated_at: momentInFile,
        created_by: actorInFile,
        updated_by: actorInFile,
      }),
    )
    .max(LIMITS.channelsPerWorkflow),
});
type NameInFile = z.infer<typeof nameInFile>;

export function registeredWorkflows(copies: WorkflowCopies): readonly RegisteredKind[] {
  const versions = registeredKind<VersionInFile>({
    name: "workflow",
    schema: versionInFile,
    nameOf: positionText,
    exportPage: async (tenant, after, limit) => {
      const found = await copies.versions(tenant, after === null ? null : positionIn(after), limit);
      // A page may be short because they are large: only one without any is the last.
      return exported(found, Math.min(limit, Math.max(1, found.length)), positionText, versionToFile);
    },
    secretsOf: () => [],
    faultsOf: (_, { name, definition }) =>
      definitionFaults(name, definition).map((fault) => ({ ...fault, pointer: `/definition${fault.pointer}` })),
    restore: (actor, record, overwrites) => restoreVersion(actor, { copies }, versionFromFile(record), overwrites),
    settle: async () => {},
  });
  const names = registeredKind<NameInFile>({
    name: "channels",
    schema: nameInFile,
    nameOf: ({ workflow }) => workflow,
    exportPage: async (tenant, after, limit) => exported(await copies.names(tenant, after, limit), limit, ({ name }) => name, nameToFile),
    secretsOf: () => [],
    faultsOf: (_, record): readonly Fault[] => {
      const refusal = channelsRefusal(nameFromFile(record).channels);
      return refusal === null ? [] : [{ pointer: "/channels", message: refusal.detail, code: refusal.code }];
    },
    restore: (actor, record, overwrites) => restoreChannels(actor, { copies }, nameFromFile(record), overwrites),
    settle: async () => {},
  });
  return [versions, names];
}

/** No name has an `@`. */
const positionText = ({ name, version: number }: VersionPosition): string => `${name}@${number}`;

function positionIn(text: string): VersionPosition {
  const at = text.lastIndexOf("@");
  return { name: text.slice(0, at), version: Number(text.slice(at + 1)) };
}

function versionToFile({ name, version: number, definition, createdAt, createdBy }: WorkflowVersion): VersionInFile {
  return { name, version: number, definition, created_at: createdAt, created_by: createdBy };
}

function versionFromFile({ created_at, created_by, ...rest }: VersionInFile): WorkflowVersion {
  return { ...rest, createdAt: created_at, createdBy: created_by };
}

function nameToFile({ name, retired, channels }: NameCopy): NameInFile {
  const inFile = channels.map(({ updatedAt, createdBy = null, updatedBy = null, ...rest }) => ({
    ...rest,
    updated_at: updatedAt,
    created_by: createdBy,
    updated_by: updatedBy,
  }));
  return { workflow: name, retired, channels: inFile };
}

function nameFromFile({ workflow, retired, channels }: NameInFile): NameCopy {
  const kept = channels.map(({ percent, updated_at, created_by, updated_by, ...rest }): Channel => ({
    ...rest,
    ...(percent !== undefined && { percent }),
    updatedAt: updated_at,
    ...(created_by && { createdBy: created_by }),
    ...(updated_by && { updatedBy: updated_by }),
  }));
  return { name: workflow, retired, channels: kept };
}
