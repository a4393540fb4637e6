import { rm } from "node:fs/promises";

import { runCommand } from "./step.ts";

await rm("dist", { recursive: true, force: true });
process.exitCode = await runCommand("tsc", ["-p", "tsconfig.build.json"]);
