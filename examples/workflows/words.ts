/** Words of a text, as far as agents that only count need to understand them. */
const COMMON = new Set(
  "about also and are been but can each for from has have into its more not one only that the them there they this was what when which who with you your".split(
    " ",
  ),
);

export function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().match(/\p{L}[\p{L}'’-]*/gu) ?? [];
}

/** The most frequent first. */
export function frequentWords(text: string): readonly string[] {
  const counts = new Map<string, number>();
  for (const word of wordsOf(text)) if (word.length > 2 && !COMMON.has(word)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a).map(([word]) => word);
}
