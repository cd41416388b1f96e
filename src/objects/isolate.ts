/** When this isolate was first asked for anything: what was recorded before may have been cut off with an earlier one. */
let since: number | null = null;

export const isolateSince = (): number => (since ??= Date.now());
