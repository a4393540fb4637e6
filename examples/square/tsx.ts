import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";

import { transformSync } from "rolldown/utils";

// Node strips types from .ts, but leaves .tsx alone. `node --import ./tsx.ts` turns it into JavaScript.
registerHooks({
  load(url, context, nextLoad) {
    if (!url.endsWith(".tsx")) return nextLoad(url, context);
    const path = fileURLToPath(url);
    const { code, errors } = transformSync(path, readFileSync(path, "utf8"), {
      jsx: { runtime: "automatic", importSource: "hono/jsx" },
      tsconfig: false, // all that matters is said here
    });
    if (errors.length > 0)
      throw new Error(`cannot transform ${path}: ${errors.map(String).join("; ")}`);
    return { format: "module", source: code, shortCircuit: true };
  },
});
