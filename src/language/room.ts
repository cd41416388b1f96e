import { LIMITS } from "./limits.ts";
import { REJECTIONS } from "./rejections.ts";

export const languageRoom = { name: "language", limits: LIMITS, rejections: REJECTIONS } as const;
