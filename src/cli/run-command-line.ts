import { readFileSync } from "node:fs";

import { Command } from "commander";

import { explain } from "./explain.ts";

/** Each command's file is loaded when it is called, or when all are to be listed. */
const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ["dev", async () => (await import("./dev.ts")).devCommand()],
  ["serve", async () => (await import("./serve.ts")).serveCommand()],
  ["worker", async () => (await import("./worker.ts")).workerCommand()],
  ["runworker", async () => (await import("./runworker.ts")).runworkerCommand()],
  ["call", async () => (await import("./call.ts")).callCommand()],
  ["result", async () => (await import("./result.ts")).resultCommand()],
  ["cancel", async () => (await import("./cancel.ts")).cancelCommand()],
  ["purge", async () => (await import("./purge.ts")).purgeCommand()],
  ["list", async () => (await import("./list.ts")).listCommand()],
  ["dead-letters", async () => (await import("./dead-letters.ts")).deadLettersCommand()],
  ["control", async () => (await import("./control.ts")).controlCommand()],
  ["status", async () => (await import("./status.ts")).statusCommand()],
]);

/** When nothing of ours runs any more, what the application left (a timer) holds the process this long. */
const LINGER_MS = 1_000;

/** Does what this process's arguments say; an error is told, and is the exit code 1. */
export async function runCommandLine(): Promise<void> {
  try {
    const program = createProgram();
    for (const load of called(process.argv[2])) addCommand(program, await load());
    await program.parseAsync();
  } catch (thrown) {
    process.stderr.write(`${explain(thrown)}\n`);
    process.exitCode = 1;
  }
  setTimeout(() => process.exit(), LINGER_MS).unref();
}

function called(name = ""): Iterable<() => Promise<Command>> {
  const command = COMMANDS.get(name);
  return command ? [command] : COMMANDS.values();
}

/** Adds a command that says what is wrong as all of them do. */
function addCommand(program: Command, command: Command): void {
  if (command.parent !== program) program.addCommand(command);
  command.copyInheritedSettings(program);
  for (const inner of command.commands) addCommand(command, inner);
}

function createProgram(): Command {
  return new Command("tidings")
    .description("Live pages and background work that belong together.")
    .version(readVersion())
    .addHelpText(
      "after",
      "\nA MODULE is a file whose default export is `application({ … })`.\nStop with Ctrl+C or SIGTERM: work in progress finishes. A second signal stops at once.\n",
    )
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error:/, "tidings:")),
    })
    .showHelpAfterError("(run with --help for the options)");
}

function readVersion(): string {
  const url = new URL("../../package.json", import.meta.url);
  const manifest: unknown = JSON.parse(readFileSync(url, "utf8"));
  return hasVersion(manifest) ? manifest.version : "unknown";
}

function hasVersion(value: unknown): value is { readonly version: string } {
  return (
    typeof value === "object" &&
    value !== null &&
    "version" in value &&
    typeof value.version === "string"
  );
}
