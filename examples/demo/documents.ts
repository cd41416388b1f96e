/** The main demo: split documents, analyse the parts side by side, look closer where it is needed, and report. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { basename, extname, join, relative } from "node:path";
import { AgentProcess } from "../setup/agent-process.ts";
import type { Document } from "./agents/splitter.ts";
import type { Orchestrator, TaskEvent } from "../setup/orchestrator.ts";

const root = join(import.meta.dirname, "..", "..");
const TEXT = new Set([
  ".md",
  ".mdx",
  ".txt",
  ".rst",
  ".adoc",
  ".html",
  ".json",
  ".ts",
  ".js",
  ".py",
  ".go",
  ".rs",
  ".java",
  ".toml",
  ".yaml",
  ".yml",
  ".csv",
  ".sql",
]);
const SKIPPED_FOLDERS = new Set(["node_modules", "dist", "state"]);
/** A value of a task may weigh 16 MiB; half of it leaves room for how JSON writes it. */
const MAX_BYTES = 8 * 1024 * 1024;
const PARTS = 6;

export async function reportOn(paths: readonly string[], orchestrator: Orchestrator): Promise<boolean> {
  const documents = readDocuments(paths.length > 0 ? paths : [root], paths.length > 0 ? TEXT : new Set([".md"]));
  if (documents.length === 0) throw new Error(`No text found in ${paths.join(", ")}`);
  const bytes = documents.reduce((sum, { text }) => sum + text.length, 0);
  console.log(`${documents.length} documents, ${(bytes / 1024).toFixed(0)} KiB`);

  const agents = await startAgents();
  try {
    for (const agent of agents) await register(agent, orchestrator);
    console.log(`${agents.length} agents registered: ${agents.map(described).join(", ")}\n`);
    const startedAt = performance.now();
    const hasKeywords = agents.some(({ id }) => id === "keywords");
    const id = await orchestrator.submit({ workflow: workflow(PARTS, hasKeywords), input: { documents }, tags: ["demo"] });
    for await (const event of orchestrator.events(id)) showProgress(event, performance.now() - startedAt);
    const { status, output, error } = await orchestrator.result(id);
    if (status !== "completed") throw new Error(`The task ${status}: ${error?.code} in step ${error?.step_id}: ${error?.message}`);
    console.log(`\n${String(output)}`);
    return true;
  } finally {
    for (const agent of agents) agent.stop();
  }
}

/** Three that are called, one that fetches its work, and one in Python where there is Python. */
async function startAgents(): Promise<readonly AgentProcess[]> {
  const python = await AgentProcess.startPython("demo/agents/keywords", { name: "keywords", capabilities: [{ name: "text.keywords" }] });
  if (python === null) console.log("No python3 here: going on without the step that looks for keywords");
  const others = await Promise.all([
    AgentProcess.start("demo/agents/splitter"),
    AgentProcess.start("demo/agents/analyst"),
    AgentProcess.startPulling("demo/agents/critic"),
    AgentProcess.start("demo/agents/editor"),
  ]);
  return python === null ? others : [...others, python];
}

async function register(agent: AgentProcess, orchestrator: Orchestrator): Promise<void> {
  const { id, registration, endpoint } = agent;
  if (endpoint !== null) return orchestrator.registerCalled(id, registration, endpoint);
  await orchestrator.registerPulling(id, registration);
  agent.giveAccess({ api: orchestrator.api, key: await orchestrator.createAgentKey(id) });
}

function described({ id, endpoint }: AgentProcess): string {
  return endpoint === null ? `${id} (fetches its work)` : id === "keywords" ? `${id} (in Python)` : id;
}

/** As it would be written by hand, but for the number of analyses. */
function workflow(parts: number, hasKeywords: boolean): unknown {
  const analyses = Array.from({ length: parts }, (_, index) => `analyze-${index + 1}`);
  const all = (field: string): string => analyses.map((id) => `steps["${id}"].output${field}`).join(" + ");
  return {
    steps: [
      { id: "split", capability: "text.split", input: { documents: "${ input.documents }", parts } },
      ...analyses.map((id, index) => ({
        id,
        capability: "text.analyze",
        input: { sections: `\${ steps.split.output.parts[${index}] }` },
      })),
      ...(hasKeywords ? [{ id: "keywords", capability: "text.keywords", input: { documents: "${ input.documents }" } }] : []),
      {
        id: "critique",
        capability: "text.critique",
        when: `size(${all(".long_sentences")}) > 0`,
        input: { sentences: `\${ ${all(".long_sentences")} }` },
      },
      {
        id: "report",
        capability: "text.report",
        needs: ["critique"],
        run_if: "none_failed",
        input: {
          documents: "${ input.documents.map(document, document.name) }",
          analyses: analyses.map((id) => `\${ steps["${id}"].output }`),
          keywords: hasKeywords ? "${ steps.keywords.output }" : null,
          critique: "${ steps.critique.output }",
        },
      },
    ],
    output: "${ steps.report.output }",
  };
}

function showProgress({ type, step_id, data }: TaskEvent, ms: number): void {
  const say = (sign: string, text: string): void => console.log(`${ms.toFixed(0).padStart(7)} ms  ${sign} ${text}`);
  switch (type) {
    case "attempt.started":
      return say("▸", `${step_id} → ${String(data["agent"])}`);
    case "step.completed":
      return say("✓", `${step_id}${typeof data["ms"] === "number" ? `, the agent took ${data["ms"]} ms` : ""}`);
    case "step.skipped":
      return say("–", `${step_id} not needed (${String(data["reason"])})`);
    case "step.retry_scheduled":
    case "step.failed":
      return say("✗", `${step_id}: ${JSON.stringify(data["error"])}`);
    case "task.completed":
      return say("■", "completed");
  }
}

function readDocuments(paths: readonly string[], extensions: ReadonlySet<string>): readonly Document[] {
  const documents: Document[] = [];
  let bytes = 0;
  const add = (path: string, isNamed: boolean): void => {
    const stat = statSync(path);
    if (stat.isDirectory()) {
      for (const entry of readdirSync(path, { withFileTypes: true }).toSorted((a, b) => a.name.localeCompare(b.name))) {
        const isWanted = entry.isDirectory() ? !SKIPPED_FOLDERS.has(entry.name) && !entry.name.startsWith(".") : entry.isFile();
        if (isWanted) add(join(path, entry.name), false);
      }
      return;
    }
    if (!isNamed && !extensions.has(extname(path).toLowerCase())) return;
    if (bytes + stat.size > MAX_BYTES) return console.log(`Left out, there is text enough: ${path}`);
    const content = readFileSync(path);
    if (content.includes(0)) return console.log(`Left out, not text: ${path}`);
    bytes += stat.size;
    const name = relative(process.cwd(), path);
    documents.push({ name: name.startsWith("..") ? basename(path) : name, text: content.toString("utf8") });
  };
  for (const path of paths) add(path, true);
  return documents;
}
