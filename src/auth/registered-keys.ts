/** The API keys of a tenant as records of a file: hashes, as they are kept. The root key is none of them. */
import { z } from "zod";
import { actorInFile, exported, momentInFile, registeredKind, type RegisteredKind } from "../records/registered.ts";
import { ROLES } from "../shared/scopes.ts";
import type { HashedKey } from "./keys.ts";
import { LIMITS } from "./limits.ts";
import { restoreKey } from "./operations.ts";
import type { KeyServices } from "./services.ts";

/** PERSISTED in files. */
const keyInFile = z.strictObject({
  id: z
    .string()
    .regex(/^key_[0-9a-z]+$/)
    .max(LIMITS.nameLength),
  /** SHA-256 of its text, in hexadecimal digits. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  prefix: z.string().max(LIMITS.nameLength),
  name: z.string().min(1).max(LIMITS.nameLength),
  roles: z.array(z.enum(ROLES)).min(1).max(ROLES.length),
  agent: z.string().max(LIMITS.nameLength).nullable(),
  created_at: momentInFile,
  expires_at: momentInFile.nullable(),
  revoked_at: momentInFile.nullable(),
  created_by: actorInFile,
  updated_by: actorInFile,
});
type KeyInFile = z.infer<typeof keyInFile>;

export function registeredKeys(services: KeyServices): RegisteredKind {
  return registeredKind<KeyInFile>({
    name: "key",
    schema: keyInFile,
    nameOf: ({ id }) => id,
    exportPage: async (tenant, after, limit) => exported(await services.keys.hashed(tenant, after, limit), limit, ({ id }) => id, inFile),
    secretsOf: () => [],
    faultsOf: () => [],
    restore: (actor, record, overwrites) => restoreKey(actor, services, fromFile(actor.tenant, record), overwrites),
    settle: async () => {},
  });
}

function inFile({ id, hash, prefix, name, roles, agent, createdAt, expiresAt, revokedAt, createdBy, updatedBy }: HashedKey): KeyInFile {
  return {
    id,
    hash,
    prefix,
    name,
    roles: [...roles],
    agent,
    created_at: createdAt,
    expires_at: expiresAt,
    revoked_at: revokedAt,
    created_by: createdBy,
    updated_by: updatedBy,
  };
}

function fromFile(tenant: string, { created_at, expires_at, revoked_at, created_by, updated_by, ...rest }: KeyInFile): HashedKey {
  return {
    tenant,
    ...rest,
    createdAt: created_at,
    expiresAt: expires_at,
    revokedAt: revoked_at,
    createdBy: created_by,
    updatedBy: updated_by,
  };
}
