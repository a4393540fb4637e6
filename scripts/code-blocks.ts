/** A fenced block of TypeScript in a document or a doc comment. */
export interface CodeBlock {
  /** The first line's comment, `// main.ts`, if it names a file. */
  readonly fileName: string | undefined;
  readonly language: "ts" | "tsx";
  readonly code: string;
  /** The line of the document, from 1, on which the code starts. */
  readonly line: number;
}

/** Finds the TypeScript blocks of a Markdown text, in their order. */
export function codeBlocks(markdown: string): readonly CodeBlock[] {
  const blocks: CodeBlock[] = [];
  for (const match of markdown.matchAll(/^```(tsx?)\n([\s\S]*?)^```$/gm)) {
    const code = match[2] ?? "";
    blocks.push({
      fileName: /^\/\/ ([\w-]+\.tsx?)\b/.exec(code)?.[1],
      language: match[1] === "tsx" ? "tsx" : "ts",
      code,
      line: markdown.slice(0, match.index).split("\n").length + 1,
    });
  }
  return blocks;
}

/** Turns a source file into Markdown whose only text is that of its doc comments, line by line. */
export function docComments(source: string): string {
  let isInside = false;
  const lines = source.split("\n").map((line) => {
    if (line.trim().startsWith("/**")) isInside = true;
    const text = isInside ? line.replace(/^\s*(\/\*\*|\*\/|\*) ?/, "") : "";
    if (line.includes("*/")) isInside = false;
    return text;
  });
  return lines.join("\n");
}
