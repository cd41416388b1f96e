import type { Base, Room } from "../http/room-manifest.ts";
import { LIMITS } from "./limits.ts";
import { REJECTIONS } from "./rejections.ts";
import { SCOPES } from "./scopes.ts";
import { routes } from "./routes/routes.ts";
import { BASE_PATH } from "../http/app.ts";
import { capabilityOf, type AgentRecord } from "./agent.ts";
import { AgentDirectory } from "./directory.ts";
import type { AttemptName, StartAnswer } from "./object/admission.ts";
import { AgentGateway } from "./object/gateway.ts";
import type { AgentPorts, AgentsPort, HoldersPort } from "./port.ts";
import { registeredAgents } from "./registry/registered-agents.ts";
import { AgentRegistry } from "./registry/registry.ts";
import type { AgentServices } from "./services.ts";
import { callBuiltin, isBuiltinAgent, type BuiltinWork } from "./transports/builtin.ts";
import { callbackToken } from "./transports/callback-token.ts";
import { consumeDispatches, type Claims, type DispatchMessage } from "./transports/dispatch-queue.ts";
import { callAgent, postNotice, probeHealth } from "./transports/http-transport.ts";
import { OutcomeBuffer, outcomesOf, type OutcomesMessage } from "./transports/outcome-buffer.ts";
import { cancelRequestOf, checkedAgainst } from "./transports/protocol.ts";
import { AwakeTimer } from "../shared/awake-timer.ts";
import type { AgentObject } from "./object/agent-object.ts";

export const agentsRoom = {
  name: "agents",
  limits: LIMITS,
  tags: { agents: "Who does the steps: registering, choosing, taking work" },
  rejections: REJECTIONS,
  scopes: SCOPES,
  routes,
} as const satisfies Room;

declare global {
  namespace Cloudflare {
    interface Env {
      readonly AGENTS: DurableObjectNamespace<AgentObject<Env>>;
      readonly DISPATCH: Queue<DispatchMessage>;
    }
  }
}

/** What agents ask of the tasks they work for. */
export interface AgentUses {
  readonly holders: HoldersPort;
  /** Wakes tasks that wait for what an agent offers. Never throws. */
  readonly poke: (tenant: string, agent: AgentRecord) => Promise<void>;
  /** What built-in agents do. */
  readonly work: BuiltinWork;
  /** Sends outcomes on their way. */
  readonly sendOutcomes: (messages: readonly OutcomesMessage[]) => Promise<void>;
  readonly claims: Claims;
}

export function openAgents({ env, config, db, urlPolicy }: Base, { holders, poke, work, sendOutcomes, claims }: AgentUses) {
  const { keyring } = config;
  const agents = new AgentRegistry(db, keyring, urlPolicy);
  const directory = new AgentDirectory(agents, env.CACHE);
  const agentObject = new AgentGateway(env.AGENTS).object;

  /** Agents without a rate pay no request for one. */
  const start = async (
    tenant: string,
    { id, limits }: AgentRecord,
    { task, step, attempt }: AttemptName,
    isLeaving: boolean,
  ): Promise<StartAnswer> => {
    if (limits?.rate === undefined) return { type: "go", inMs: 0 };
    return agentObject(tenant, id).start({ tenant, agent: id }, { task, step, attempt }, isLeaving);
  };

  const port: AgentsPort = {
    call: (attempt, controller, timer, room) =>
      attempt.agent.kind === "builtin" ? callBuiltin(attempt, work) : callAgent(attempt, keyring, urlPolicy, controller, timer, room),
    tellCanceled: async (call, reason, signal) => {
      const request = cancelRequestOf(call, reason, keyring, new Date());
      return request === null ? "refused" : postNotice(request, urlPolicy, signal);
    },
    callbackUrl: (origin, attempt) => `${origin}${BASE_PATH}/callbacks/${callbackToken(keyring, attempt)}`,
    enqueue: async (messages) => void (await env.DISPATCH.sendBatch(messages.map((body) => ({ body })))),
    start,
    object: agentObject,
    isBuiltin: isBuiltinAgent,
    outcomes: new OutcomeBuffer(sendOutcomes),
    violation: (agent, capability, output) => checkedAgainst(capabilityOf(agent, capability), output),
  };

  const ports: AgentPorts = {
    holders,
    record: async (tenant, agent, isFresh) => {
      const known = isFresh ? undefined : (await directory.load(tenant, Date.now())).byId.get(agent);
      // It may have registered a moment ago, elsewhere; and that it is gone only D1 itself can say.
      return known ?? agents.find(tenant, agent);
    },
    publish: async (tenant, agent, state) => {
      await agents.publish(tenant, agent, state);
      directory.learned(tenant, agent, state);
    },
    poke,
    probe: (url) => probeHealth(url, urlPolicy),
  };

  const services: AgentServices = { config, agents, directory, agentObject, pokeWaiting: poke };
  return {
    services,
    registered: [registeredAgents(services, urlPolicy)],
    port,
    ports,
    /** What an agent's calls came to, as they arrive gathered. */
    learn: ([first, ...rest]: readonly [OutcomesMessage, ...OutcomesMessage[]]) => {
      const { tenant, agent } = first;
      return agentObject(tenant, agent).learn({ tenant, agent }, [first, ...rest].flatMap(outcomesOf));
    },
    queues: {
      "orchestrator-dispatch": (batch: MessageBatch) => {
        const timer = new AwakeTimer();
        return consumeDispatches(batch.messages, {
          ...claims,
          start: (message, { agent }) => start(message.tenant, agent, message, true),
          call: (call, controller) => port.call(call, controller, timer),
        }).finally(() => timer.rest());
      },
    },
  };
}
