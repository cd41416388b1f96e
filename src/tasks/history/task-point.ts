/** A finished task as a data point of Analytics Engine, for the account's own dashboards. */
import type { HistoryRow } from "./port.ts";

/**
 * `index1` the tenant · `blob1` status · `blob2` type · `blob3` error code · `double1` milliseconds from submission to end ·
 * `double2` milliseconds from submission to the first step · `double3` priority.
 */
export function taskPoint({ tenant, head }: HistoryRow): AnalyticsEngineDataPoint {
  const createdAt = Date.parse(head.created_at);
  const since = (time: string | null): number => (time === null ? 0 : Date.parse(time) - createdAt);
  return {
    // An index holds 96 bytes; tenants are letters, digits and a few signs.
    indexes: [tenant.slice(0, 96)],
    blobs: [head.status, head.type ?? "", head.error?.code ?? ""],
    doubles: [since(head.finished_at), since(head.started_at), head.priority],
  };
}
