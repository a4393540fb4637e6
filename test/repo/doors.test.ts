import { existsSync, globSync, readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { mayImport } from "../../architecture.ts";
import { readManifest } from "./manifest.ts";

const doors = Object.entries(readManifest().exports).filter(([door]) => door !== "./package.json");

test("every door of the package is the source file of the same path", () => {
  for (const [door, target] of doors) {
    const path = door === "." ? "index" : `${door.slice(2)}/index`;
    expect(target).toEqual({
      "tidings-source": `./src/${path}.ts`,
      default: `./dist/${path}.js`,
    });
    expect(existsSync(`src/${path}.ts`), `src/${path}.ts`).toBe(true);
  }
});

test("every folder of src stands in architecture.ts, and the other way round", () => {
  const folders = globSync("src/*/").map((path) => path.slice("src/".length));
  expect(folders.toSorted()).toEqual(Object.keys(mayImport).toSorted());
});

test("every door says in a module comment what it is", () => {
  for (const path of globSync("src/{,*/}index.ts")) {
    expect(readFileSync(path, "utf8"), path).toMatch(/^\/\*\*\n[\s\S]+?\n \* @module\n \*\/\n/);
  }
});
