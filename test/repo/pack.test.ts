import { execFileSync } from "node:child_process";
import { globSync, mkdirSync, symlinkSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { readManifest } from "./manifest.ts";

/** What a user of `tidings/react` has. */
const PEERS = ["react", "@types/react", "csstype"];

/** A project of a user, with the packed tarball, its dependencies and peers installed, and nothing else. */
let project: string;
let installed: string;

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), "tidings-pack-"));
  installed = join(project, "node_modules", "tidings");
  mkdirSync(installed, { recursive: true });
  run("npm", ["pack", "--loglevel=error", "--pack-destination", project], process.cwd());
  const [tarball] = globSync(join(project, "*.tgz"));
  run("tar", ["-xzf", String(tarball), "--strip-components=1", "-C", installed]);
  for (const name of [...Object.keys(readManifest().dependencies), ...PEERS]) {
    const target = join(project, "node_modules", name);
    mkdirSync(resolve(target, ".."), { recursive: true });
    symlinkSync(resolve("node_modules", name), target);
  }
  mkdirSync(join(project, "node_modules", "@types"), { recursive: true });
  symlinkSync(resolve("node_modules/@types/node"), join(project, "node_modules/@types/node"));
}, 240_000);

afterAll(() => rm(project, { recursive: true, force: true }));

test("the package holds what it needs and no test", () => {
  const files = globSync("**/*", { cwd: installed, exclude: ["node_modules/**"] });
  expect(files).toEqual(
    expect.arrayContaining([
      "README.md",
      "LICENSE",
      "dist/index.js",
      "dist/index.d.ts",
      "src/index.ts",
    ]),
  );
  expect(files.filter((path) => /\.test(-d)?\./.test(path))).toEqual([]);
  expect(files.filter((path) => /^(test|examples|bench|scripts|data)\b/.test(path))).toEqual([]);
});

test("every door opens on plain Node, without the sources", () => {
  const doors = Object.keys(readManifest(installed).exports)
    .filter((door) => door !== "./package.json")
    .map((door) => `tidings${door.slice(1)}`);
  const script = `
    for (const door of ${JSON.stringify(doors)}) {
      const names = Object.keys(await import(door));
      if (names.length === 0) throw new Error(door + " exports nothing");
      console.log(door, import.meta.resolve(door).includes("/dist/"));
    }`;
  const output = run(process.execPath, ["--input-type=module", "--eval", script]);
  expect(output.trim().split("\n")).toEqual(doors.map((door) => `${door} true`));
});

test("the command runs from the package and prints its help and version", () => {
  const main = join(installed, "dist", "cli", "main.js");
  expect(run(process.execPath, [main, "--help"])).toMatch(/dev.*\n[\s\S]*serve.*\n[\s\S]*worker/);
  expect(run(process.execPath, [main, "--version"]).trim()).toBe(readManifest().version);
});

test("a user's strict compiler accepts the declarations of every door", () => {
  const doors = Object.keys(readManifest(installed).exports).filter(
    (door) => door !== "./package.json",
  );
  const source = doors
    .map((door, index) => `export * as door${index} from "tidings${door.slice(1)}";`)
    .join("\n");
  run(process.execPath, ["--eval", `fs.writeFileSync("main.ts", ${JSON.stringify(source)})`]);
  const flags =
    "--noEmit --strict --module nodenext --target es2025 --types node --lib es2025,esnext";
  const tsc = resolve("node_modules/.bin/tsc");
  expect(run(tsc, [...flags.split(" "), "--skipLibCheck", "false", "main.ts"])).toBe("");
}, 240_000);

function run(command: string, args: readonly string[], cwd = project): string {
  try {
    return execFileSync(command, args, { cwd, encoding: "utf8", stdio: "pipe" });
  } catch (error) {
    const text = error instanceof Error && "stdout" in error ? `${String(error.stdout)}\n` : "";
    throw new Error(`${command} ${args.join(" ")}\n${text}`, { cause: error });
  }
}
