/** A file that is put back: read whole and checked before anything changes. */
import { faultsOf } from "../language/compile.ts";
import type { ReadRecord, RegisteredKind } from "../records/registered.ts";
import { rejection, rejectionOf, type Fault, type Rejection } from "../shared/errors.ts";
import { pointer } from "../shared/json.ts";
import { checkedText } from "../shared/json-text.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { FORMAT, header, isProven, line } from "./file-line.ts";
import { LIMITS } from "./limits.ts";
import type { BackupServices } from "./services.ts";

export interface FiledRecord extends ReadRecord {
  /** From 1 on; the header is the first. */
  readonly line: number;
  readonly kind: RegisteredKind;
}

/** The records in the order in which they can be put back. Pointers of faults begin with the place of the line, from 0 on. */
export function readFile(services: BackupServices, tenant: string, text: string): Result<readonly FiledRecord[], Rejection> {
  const bounds = checkedText(text, { depth: LIMITS.fileDepth, parts: LIMITS.jsonParts });
  if (!bounds.ok) return err(rejection("limit_reached", `The file nests too deep, has too many parts or a number that is none of ours`));
  const lines = text.split("\n");
  while (lines.at(-1)?.trim() === "") lines.pop();
  if (!header.safeParse(jsonIn(lines[0] ?? "")).success) {
    return err(rejectionOf([faultAt(1, "", `expected a header of format "${FORMAT}", version 1`)], "invalid_request"));
  }
  if (lines.length - 1 > LIMITS.fileRecords) {
    return err(rejection("limit_reached", `A file has at most ${LIMITS.fileRecords} records; send several, each with the header`));
  }
  const records: FiledRecord[] = [];
  const faults: Fault[] = [];
  const lineByName = new Map<string, number>();
  for (let number = 2; number <= lines.length && faults.length < LIMITS.faults; number++) {
    const read = readLine(services, tenant, lines[number - 1] as string, number);
    if (!read.ok) {
      faults.push(...read.error);
      continue;
    }
    const name = `${read.value.kind.name} ${read.value.name}`;
    const earlier = lineByName.get(name);
    if (earlier !== undefined) faults.push(faultAt(number, "/record", `${name} is in line ${earlier} already`));
    lineByName.set(name, number);
    records.push(read.value);
  }
  if (faults.length > 0) return err(rejectionOf(faults.slice(0, LIMITS.faults), "invalid_request"));
  const { registered } = services;
  return ok(records.toSorted((one, other) => registered.indexOf(one.kind) - registered.indexOf(other.kind)));
}

function readLine(
  { registered, keyring }: BackupServices,
  tenant: string,
  text: string,
  number: number,
): Result<FiledRecord, readonly Fault[]> {
  const parsed = line.safeParse(jsonIn(text));
  if (!parsed.success) return err([faultAt(number, "", 'expected {"kind", "record", "proof"}')]);
  const kind = registered.find((candidate) => candidate.name === parsed.data.kind);
  if (kind === undefined) {
    return err([faultAt(number, "/kind", `expected one of ${registered.map((known) => known.name).join(", ")}`)]);
  }
  if (!isProven(keyring, tenant, parsed.data)) return err([faultAt(number, "/proof", UNPROVEN)]);
  const read = kind.read(tenant, parsed.data.record);
  if (!read.ok) return err(faultsOf(read.error, `${pointer(number - 1)}/record`));
  const closed = read.value.secrets.filter(({ sealed, place }) => keyring.open(sealed, place) === null);
  const faults = [
    ...closed.map(({ at }) => faultAt(number, `/record${at}`, CLOSED)),
    ...read.value.faults.map((fault) => ({ ...fault, pointer: `${pointer(number - 1)}/record${fault.pointer}` })),
  ];
  return faults.length > 0 ? err(faults) : ok({ ...read.value, line: number, kind });
}

const UNPROVEN =
  "this tenant was not given the record as it is: the key that it was exported under is missing in ENCRYPTION_KEYS, or it was changed or is another tenant's";
const CLOSED = "the secret does not open: the key that sealed it is missing in ENCRYPTION_KEYS";

function faultAt(number: number, at: string, message: string): Fault {
  return { pointer: `${pointer(number - 1)}${at}`, message: `line ${number}: ${message}`, code: "invalid_request" };
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
