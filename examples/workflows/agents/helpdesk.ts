/** Reads messages of customers, each in its own way: `node helpdesk.ts <port> bookkeeper|engineer|diplomat`. */
import { defineAgent } from "orchestrator/kit";
import { serve, signingSecret } from "../../setup/serve.ts";
import { wordsOf } from "../words.ts";

/** The words by which each of them recognises what a message is about, what it sees first coming first. */
const MINDS: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  bookkeeper: { billing: ["invoice", "charged", "refund", "price"], fault: ["crashes"], praise: ["thanks"] },
  engineer: { fault: ["crashes", "error", "slow", "app"], billing: ["charged"], praise: ["works"] },
  diplomat: { praise: ["thanks", "love", "great"], billing: ["refund", "charged"], fault: ["error"] },
};
const REPLIES: Readonly<Record<string, string>> = {
  billing: "We look at your invoice and come back to you.",
  fault: "We are sorry, and look into it.",
  praise: "Thank you!",
};

interface Message {
  readonly message: string;
}

const id = process.argv[3] ?? "bookkeeper";
const mind = MINDS[id] ?? {};

function hits(message: string, label: string): number {
  return wordsOf(message).filter((word) => mind[label]?.includes(word)).length;
}

function classify({ message }: Message) {
  const label = Object.keys(mind).find((name) => hits(message, name) > 0) ?? "other";
  return { label, by: id };
}

function reply({ message, label }: Message & { readonly label: string }) {
  const confidence = Math.min(10, 3 + 2 * hits(message, label)) / 10;
  return { text: REPLIES[label] ?? "Tell us more.", confidence, by: id };
}

serve(defineAgent({ id, capabilities: ["classify", "reply"], secret: signingSecret(), execute: { classify, reply } }));
