/** Waits until something is so, however busy the machine is. */
import { vi } from "vitest";

export function until<T>(isSo: () => T | Promise<T>): Promise<NonNullable<T>> {
  return vi.waitUntil(isSo, { timeout: 20_000, interval: 10 }) as Promise<NonNullable<T>>;
}
