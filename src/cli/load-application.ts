import { statSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

import { assertApplication, type Application } from "../app/index.ts";
import { TidingsError } from "../core/errors.ts";

/**
 * Imports a main module and returns its application.
 *
 * @throws {TidingsError} APP_LOAD_FAILED when there is no such module, it throws, or its default
 *   export is no application. What the module's own code throws of ours keeps its code.
 */
export async function loadApplication(path: string): Promise<Application> {
  const file = resolve(path);
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found?.isFile()) {
    throw new TidingsError(
      "APP_LOAD_FAILED",
      `${found ? `${file} is no file` : `there is no file ${file}`}; expected a MODULE, whose default export is \`application({ … })\``,
    );
  }
  const url = pathToFileURL(file).href;
  let loaded: unknown;
  try {
    loaded = await import(url);
  } catch (thrown) {
    if (thrown instanceof TidingsError) throw thrown;
    throw new TidingsError("APP_LOAD_FAILED", `cannot load ${path}`, { cause: thrown });
  }
  const exported =
    typeof loaded === "object" && loaded !== null && "default" in loaded
      ? loaded.default
      : undefined;
  return assertApplication(exported, path);
}
