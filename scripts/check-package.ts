import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { runCommand } from "./step.ts";

// The tarball as it would be published: `npm pack` builds it first.
const folder = await mkdtemp(join(tmpdir(), "tidings-package-"));
try {
  execFileSync("npm", ["pack", "--loglevel=error", "--pack-destination", folder], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const [name] = await readdir(folder);
  if (name === undefined) throw new Error("npm pack made no tarball");
  const tarball = join(folder, name);
  const codes = [
    await runCommand("publint", ["run", tarball, "--strict"]),
    await runCommand("attw", [tarball, "--profile", "esm-only", "--no-emoji"]),
  ];
  if (codes.some((code) => code !== 0)) process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true });
}
