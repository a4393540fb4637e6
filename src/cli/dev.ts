import { dirname, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { Command } from "commander";

import { loadApplication } from "./load-application.ts";
import { createLogger } from "./logger.ts";
import {
  concurrencyOption,
  hostOption,
  logLevelOption,
  portOption,
  queuesOption,
  stopTimeoutOption,
} from "./options.ts";
import { runUntilStopped } from "./run-until-stopped.ts";
import { unsharedChannels } from "./runworker.ts";
import { listenOptions, toListenArguments, type ListenOptions } from "./server-options.ts";
import { watchSource } from "./source-watch.ts";
import { spawnNode, type ProcessSpec } from "./supervised-process.ts";
import { Supervisor } from "./supervisor.ts";

/** The processes are commands of ours: source runs source, and what was built runs what was built. */
const MAIN = fileURLToPath(
  new URL(`main${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url),
);

interface DevOptions extends ListenOptions {
  readonly concurrency: number;
  readonly queues: readonly string[] | undefined;
  readonly logLevel: string;
  readonly watch: boolean;
}

/** `tidings dev`: server, worker and background consumers side by side, restarted when they die or the code changes. */
export function devCommand(): Command {
  const command = new Command("dev")
    .description("Run server and worker, and restart them when the code changes or one dies.")
    .argument("<module>", "the file that exports the application")
    .addOption(portOption())
    .addOption(hostOption())
    .addOption(concurrencyOption())
    .addOption(queuesOption())
    .option("--no-watch", "do not restart when the code changes")
    .addOption(logLevelOption())
    .addOption(stopTimeoutOption())
    .action(dev);
  for (const option of listenOptions()) command.addOption(option);
  return command;
}

async function dev(path: string, options: DevOptions): Promise<void> {
  const logger = createLogger(options.logLevel, "dev");
  const supervisor = new Supervisor(await toProcesses(path, options), logger);
  // The children have their own timeout; what is left after it is killed.
  const stopTimeoutMs = (options.stopTimeout + 3) * 1000;
  using watch = options.watch
    ? watchSource(dirname(resolve(path)), (file) => {
        logger.info({ file: relative(process.cwd(), file) }, "changed, restarting");
        void supervisor.restart({ signal: AbortSignal.timeout(stopTimeoutMs) });
      })
    : undefined;
  const stop = (signal: AbortSignal): Promise<void> => {
    watch?.[Symbol.dispose]();
    return supervisor.stop({ signal });
  };
  void supervisor.failed.then(async () => {
    await stop(AbortSignal.timeout(stopTimeoutMs));
    process.exit(1); // the process that could not start has said why
  });
  await runUntilStopped({
    name: "dev",
    logger,
    stopTimeoutMs,
    start: async () => supervisor.start(),
    stop,
  });
}

/** What is in memory cannot be shared between processes: then the server runs those that use it. */
async function toProcesses(path: string, options: DevOptions): Promise<readonly ProcessSpec[]> {
  const common = ["--log-level", options.logLevel, "--stop-timeout", String(options.stopTimeout)];
  const queues = options.queues ? ["--queues", options.queues.join(",")] : [];
  const tasks = ["--concurrency", String(options.concurrency), ...queues];
  const { tasksInMemory, channels, channelsInMemory } = await inspect(path);
  const server = [MAIN, "serve", path, ...toListenArguments(options), ...common];
  if (tasksInMemory) server.push("--worker", ...tasks);
  if (channelsInMemory.length > 0) server.push("--runworker");
  const processes: ProcessSpec[] = [{ name: "server", launch: () => spawnNode(server) }];
  if (!tasksInMemory) {
    const worker = [MAIN, "worker", path, ...tasks, ...common];
    processes.push({ name: "worker", launch: () => spawnNode(worker) });
  }
  if (channels.length > 0 && channelsInMemory.length === 0) {
    const runworker = [MAIN, "runworker", path, ...common];
    processes.push({ name: "runworker", launch: () => spawnNode(runworker) });
  }
  return processes;
}

interface Needs {
  readonly tasksInMemory: boolean;
  readonly channels: readonly string[];
  readonly channelsInMemory: readonly string[];
}

async function inspect(path: string): Promise<Needs> {
  const application = await loadApplication(path);
  await using app = application.app;
  const { broker, results } = app.drivers;
  return {
    tasksInMemory: broker.startsWith("memory:") || results.startsWith("memory:"),
    channels: Object.keys(application.channels),
    channelsInMemory: unsharedChannels(application),
  };
}
