import { watch } from "node:fs";
import { extname, join, sep } from "node:path";

/** What an edit of the application changes; databases and logs beside it are none of it. */
const SOURCE = new Set([".ts", ".tsx", ".mts", ".js", ".jsx", ".mjs", ".json", ".css", ".html"]);
/** An editor that saves several files, or one in several steps, causes one restart. */
const QUIET_MS = 100;

/** Calls back when a source file in a folder changes, until disposed. Skips `node_modules`. */
export function watchSource(folder: string, onChange: (file: string) => void): Disposable {
  let timer: NodeJS.Timeout | undefined;
  const watcher = watch(folder, { recursive: true }, (_event, file) => {
    if (file === null || !SOURCE.has(extname(file))) return;
    const segments = file.split(sep);
    if (segments.some((segment) => segment === "node_modules" || segment.startsWith("."))) return;
    clearTimeout(timer);
    timer = setTimeout(() => onChange(join(folder, file)), QUIET_MS);
  });
  return {
    [Symbol.dispose]() {
      clearTimeout(timer);
      watcher.close();
    },
  };
}
