import { execFileSync } from "node:child_process";
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { type CodeBlock, codeBlocks, docComments } from "./code-blocks.ts";
import { brokenLinks } from "./links.ts";

// Inside the repository, so that `import … from "tidings"` finds the package by its own name.
const FOLDER = ".cache/docs";

const documents = globSync(["*.md", "{docs,bench,examples}/**/*.md"], {
  exclude: ["**/node_modules/**"],
}).toSorted();
const sources = globSync("src/**/*.ts").toSorted();

const origins = writeBlocks();
const problems = [...documents.flatMap(brokenLinks), ...compile()];
for (const problem of problems) console.error(problem);
console.log(`${documents.length} documents, ${origins.size} blocks of code`);
if (problems.length > 0) process.exitCode = 1;

/** Writes each block to a file of its own; blocks of one document that name their file see each other. */
function writeBlocks(): ReadonlyMap<string, { readonly path: string; readonly line: number }> {
  rmSync(FOLDER, { recursive: true, force: true });
  const written = new Map<string, { path: string; line: number }>();
  for (const [path, blocks] of allBlocks()) {
    for (const [index, block] of blocks.entries()) {
      const folder = join(FOLDER, path.replaceAll(/[/.]/g, "-"));
      const file = join(folder, block.fileName ?? `block-${index + 1}.${block.language}`);
      if (written.has(file)) throw new Error(`${path} has two blocks named ${block.fileName}`);
      mkdirSync(folder, { recursive: true });
      writeFileSync(file, block.code);
      written.set(file, { path, line: block.line });
    }
  }
  return written;
}

function allBlocks(): readonly (readonly [path: string, blocks: readonly CodeBlock[]])[] {
  return [
    ...documents.map((path) => [path, codeBlocks(readFileSync(path, "utf8"))] as const),
    ...sources.map((path) => [path, codeBlocks(docComments(readFileSync(path, "utf8")))] as const),
  ];
}

/** Compiles the blocks, and names the documents' lines in what the compiler says. */
function compile(): readonly string[] {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(
    join(FOLDER, "tsconfig.json"),
    JSON.stringify({
      extends: "../../tsconfig.json",
      compilerOptions: {
        jsx: "react-jsx",
        lib: [
          "es2025",
          "dom",
          "dom.iterable",
          "dom.asynciterable",
          "esnext.array",
          "esnext.disposable",
          "esnext.error",
        ],
        noUnusedLocals: false,
        noUnusedParameters: false,
      },
      include: ["."],
      exclude: [],
    }),
  );
  try {
    execFileSync("tsc", ["--noEmit", "--pretty", "false", "-p", FOLDER], { encoding: "utf8" });
    return [];
  } catch (error) {
    if (!(error instanceof Error && "stdout" in error)) throw error;
    return String(error.stdout).trim().split("\n").map(toDocumentLine);
  }
}

function toDocumentLine(line: string): string {
  const match = /^(.+?)\((\d+),\d+\): (.*)$/.exec(line);
  const origin = match?.[1] === undefined ? undefined : origins.get(match[1]);
  return origin ? `${origin.path}:${origin.line + Number(match?.[2]) - 1}: ${match?.[3]}` : line;
}
