/** Cuts documents at their headings and deals the sections out into parts of about the same size. */
import { defineAgent } from "orchestrator/kit";
import { serve, signingSecret } from "../../setup/serve.ts";

export interface Document {
  readonly name: string;
  readonly text: string;
}

export interface Section {
  readonly document: string;
  readonly title: string;
  readonly text: string;
}

function sectionsOf({ name, text }: Document): readonly Section[] {
  return text
    .split(/^(?=#{1,3} )/m)
    .filter((part) => part.trim() !== "")
    .map((part) => ({ document: name, title: /^#{1,3} (.*)$/m.exec(part)?.[1]?.trim() ?? name, text: part }));
}

/** The largest first, each to the part that has the least so far. */
function deal(sections: readonly Section[], count: number): readonly (readonly Section[])[] {
  const parts = Array.from({ length: count }, () => ({ sections: [] as Section[], size: 0 }));
  for (const section of sections.toSorted((a, b) => b.text.length - a.text.length)) {
    const least = parts.reduce((best, part) => (part.size < best.size ? part : best));
    least.sections.push(section);
    least.size += section.text.length;
  }
  return parts.map((part) => part.sections);
}

serve(
  defineAgent({
    id: "splitter",
    capabilities: ["text.split"],
    secret: signingSecret(),
    execute: ({ documents, parts }: { readonly documents: readonly Document[]; readonly parts: number }) => {
      const sections = documents.flatMap(sectionsOf);
      return { sections: sections.length, parts: deal(sections, parts) };
    },
  }),
);
