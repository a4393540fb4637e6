import { accessSync, constants, mkdirSync } from "node:fs";
import { resolve } from "node:path";

/** The folder of the two databases and the session secret; `SQUARE_DATA` moves it. */
export const dataFolder: string = makeFolder(resolve(process.env["SQUARE_DATA"] ?? "data/square"));

function makeFolder(path: string): string {
  try {
    mkdirSync(path, { recursive: true });
    accessSync(path, constants.W_OK);
    return path;
  } catch (cause) {
    throw new Error(`cannot write to ${path}; set SQUARE_DATA to a folder that you may write to`, {
      cause,
    });
  }
}
