/** An agent's own card (A2A, version 1) as a registration: its skills are capabilities. */
import { z } from "zod";
import { rejection, type Rejection } from "../../shared/errors.ts";
import { LIMITS } from "../limits.ts";
import { messageOf } from "../../shared/log.ts";
import { readText } from "../../shared/read-text.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { excerpt } from "../../shared/text.ts";
import type { AgentRegistration } from "./registration.ts";
import { brokenUrlRule, type UrlPolicy } from "../../shared/url-guard.ts";

/** The members that mean something here; a card has more. */
const agentCard = z.object({
  name: z.string().min(1),
  description: z.string().optional(),
  version: z.string().optional(),
  skills: z
    .array(
      z.object({
        id: z.string().min(1),
        name: z.string().optional(),
        description: z.string().optional(),
        tags: z.array(z.string()).optional(),
      }),
    )
    .min(1),
});

/** Reads `/.well-known/agent-card.json` of the URL's host. */
export async function registrationFromCard(url: string, policy: UrlPolicy): Promise<Result<AgentRegistration, Rejection>> {
  const rule = brokenUrlRule(url, policy);
  if (rule !== null) {
    const faults = [{ pointer: "/url", message: `the URL is not allowed: ${rule}`, code: "url_refused" as const }];
    return err(rejection("url_refused", `/url: the URL is not allowed: ${rule}`, { faults }));
  }
  const cardUrl = new URL("/.well-known/agent-card.json", url).href;
  const unreadable = (why: string): Result<never, Rejection> =>
    err(rejection("agent_card_unreadable", `${cardUrl} ${why}; fix the card, or name the "capabilities" in the registration`));
  let text: string;
  try {
    const response = await fetch(cardUrl, {
      headers: { accept: "application/json" },
      redirect: "manual",
      signal: AbortSignal.timeout(LIMITS.courtesyCallMs),
    });
    text = await readText(response, LIMITS.agentCardBytes);
    if (response.status !== 200) return unreadable(`answered with status ${response.status}`);
  } catch (error) {
    return unreadable(`could not be read: ${messageOf(error)}`);
  }
  const parsed = agentCard.safeParse(parseJson(text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return unreadable(`is no agent card: /${issue?.path.join("/") ?? ""}: ${issue?.message ?? "malformed"}`);
  }
  return ok(registrationOfCard(url, parsed.data));
}

function registrationOfCard(url: string, { name, description, version, skills }: z.infer<typeof agentCard>): AgentRegistration {
  const cardVersion = version !== undefined && /^[A-Za-z0-9_.+-]{1,64}$/.test(version) ? { version } : {};
  const capabilities = new Map(
    skills.slice(0, LIMITS.capabilitiesPerAgent).map((skill) => {
      const id = identifierOf(skill.id);
      const tags = (skill.tags ?? []).filter((tag) => tag !== "" && tag.length <= LIMITS.tagLength).slice(0, LIMITS.tags);
      const said = skill.description ?? skill.name;
      return [id, { name: id, ...cardVersion, tags, ...(said !== undefined && { description: excerpt(said, LIMITS.textLength) }) }];
    }),
  );
  return {
    url,
    name: excerpt(name, LIMITS.nameLength),
    ...(description !== undefined && { description: excerpt(description, LIMITS.textLength) }),
    capabilities: [...capabilities.values()],
  };
}

/** A skill's id in the letters that names have here. */
function identifierOf(text: string): string {
  return text.replaceAll(/[^A-Za-z0-9_.-]+/g, "_").slice(0, LIMITS.idLength);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
