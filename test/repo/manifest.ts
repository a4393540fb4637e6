import { readFileSync } from "node:fs";

/** The parts of package.json that tests read. */
export interface Manifest {
  readonly version: string;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
}

/** Reads package.json, as it stands in the repository or in a folder. */
export function readManifest(folder = "."): Manifest {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a test may trust the file's shape
  return JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as Manifest;
}
