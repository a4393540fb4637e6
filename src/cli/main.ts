#!/usr/bin/env node
import { readFileSync } from "node:fs";

import { Command } from "commander";

import { callCommand } from "./call.ts";
import { cancelCommand } from "./cancel.ts";
import { deadLettersCommand } from "./dead-letters.ts";
import { devCommand } from "./dev.ts";
import { explain } from "./explain.ts";
import { listCommand } from "./list.ts";
import { purgeCommand } from "./purge.ts";
import { resultCommand } from "./result.ts";
import { runworkerCommand } from "./runworker.ts";
import { serveCommand } from "./serve.ts";
import { statusCommand } from "./status.ts";
import { workerCommand } from "./worker.ts";

const manifest: unknown = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
);

const program = new Command("tidings")
  .description("Live pages and background work that belong together.")
  .version(hasVersion(manifest) ? manifest.version : "unknown")
  .addCommand(devCommand())
  .addCommand(serveCommand())
  .addCommand(workerCommand())
  .addCommand(runworkerCommand())
  .addCommand(callCommand())
  .addCommand(resultCommand())
  .addCommand(cancelCommand())
  .addCommand(purgeCommand())
  .addCommand(listCommand())
  .addCommand(deadLettersCommand())
  .addCommand(statusCommand())
  .addHelpText(
    "after",
    "\nA MODULE is a file whose default export is `application({ … })`.\nStop with Ctrl+C or SIGTERM: work in progress finishes. A second signal stops at once.\n",
  )
  .showHelpAfterError("(run with --help for the options)");

/** When nothing of ours runs any more, what the application left (a timer) holds the process this long. */
const LINGER_MS = 1_000;

try {
  await program.parseAsync();
} catch (thrown) {
  process.stderr.write(`${explain(thrown)}\n`);
  process.exitCode = 1;
}
setTimeout(() => process.exit(), LINGER_MS).unref();

function hasVersion(value: unknown): value is { readonly version: string } {
  return (
    typeof value === "object" &&
    value !== null &&
    "version" in value &&
    typeof value.version === "string"
  );
}
