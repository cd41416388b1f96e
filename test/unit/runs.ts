/** `PROPERTY_RUNS=4 npx vitest run --project unit` tries every property of the engine four times as often. */
const FACTOR = Number(process.env["PROPERTY_RUNS"] ?? 1);

export const runs = (usual: number): number => Math.ceil(usual * FACTOR);
