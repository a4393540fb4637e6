#!/usr/bin/env node
import { enableCompileCache } from "node:module";

// What was compiled, or stripped of its types, by an earlier start is not again: half of a start's work.
enableCompileCache();
const { runCommandLine } = await import("./run-command-line.ts");
await runCommandLine();
