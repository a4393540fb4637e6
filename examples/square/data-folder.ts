import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { dirname, resolve } from "node:path";

import { TidingsError } from "tidings";

/** The folder of the two databases and the session secret; `SQUARE_DATA` moves it. */
export const dataFolder: string = openFolder(resolve(process.env["SQUARE_DATA"] ?? "data/square"));

function openFolder(path: string): string {
  try {
    makeFolder(path);
    // The slash refuses a file of this name.
    accessSync(`${path}/`, constants.W_OK);
    return path;
  } catch (cause) {
    throw new TidingsError(
      "STORAGE_UNAVAILABLE",
      `cannot write to the folder ${path}; set SQUARE_DATA to one that you may write to`,
      { cause },
    );
  }
}

/** One level at a time: where nothing can be made, as in /proc, Node's recursive way never ends. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Server and worker start together: the other may have made it just now.
    if (!existsSync(path)) throw error;
  }
}
