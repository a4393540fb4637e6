import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Finds the relative links of a Markdown file that lead nowhere, as readable lines. */
export function brokenLinks(path: string): readonly string[] {
  const markdown = withoutCode(readFileSync(path, "utf8"));
  const problems: string[] = [];
  for (const [, target = ""] of markdown.matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [file = "", anchor] = target.split("#");
    const linked = file === "" ? path : join(dirname(path), file);
    if (!existsSync(linked)) problems.push(`${path}: ${target} does not exist`);
    else if (anchor !== undefined && !anchors(linked).has(anchor)) {
      problems.push(`${path}: ${target} has no such heading`);
    }
  }
  return problems;
}

/** The anchors that a Markdown file's headings get on a code forge. */
function anchors(path: string): ReadonlySet<string> {
  const markdown = withoutCode(readFileSync(path, "utf8"));
  return new Set(
    [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

function withoutCode(markdown: string): string {
  return markdown.replace(/^```[\s\S]*?^```$/gm, "");
}
