import { LIMITS } from "./limits.ts";
import { REJECTIONS } from "./rejections.ts";

export const engineRoom = { name: "engine", limits: LIMITS, rejections: REJECTIONS } as const;
