/** Versions of capabilities: `2` takes 2, 2.1 and 2.1.0; `2.1` takes 2.1 and 2.1.0. */
export function isVersion(offered: string | undefined, wanted: string): boolean {
  return offered === wanted || (offered?.startsWith(`${wanted}.`) ?? false);
}
