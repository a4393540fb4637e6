import { Command } from "commander";

import { TidingsError } from "../core/errors.ts";
import { printWorkerBanner } from "./banner.ts";
import { loadApplication } from "./load-application.ts";
import { createLogger } from "./logger.ts";
import { concurrencyOption, logLevelOption, queuesOption, stopTimeoutOption } from "./options.ts";
import { runUntilStopped } from "./run-until-stopped.ts";

interface WorkerCommandOptions {
  readonly concurrency: number;
  readonly queues: readonly string[] | undefined;
  readonly name: string | undefined;
  readonly logLevel: string;
  readonly stopTimeout: number;
}

/** `tidings worker`: carries out tasks. */
export function workerCommand(): Command {
  return new Command("worker")
    .description("Carry out an application's tasks.")
    .argument("<module>", "the file that exports the application")
    .addOption(concurrencyOption())
    .addOption(queuesOption())
    .option("-n, --name <name>", "the worker's name in logs and task records")
    .addOption(logLevelOption())
    .addOption(stopTimeoutOption())
    .action(work);
}

/** Nobody can send to a broker that is in the memory of this process alone. */
function assertShared(broker: string): void {
  if (!broker.startsWith("memory:")) return;
  throw new TidingsError(
    "BROKER_NOT_SHARED",
    "the broker is in memory, where no other process can send to it: choose one that processes share (sqlite:…, redis://…), or run the worker in the server's process with `tidings dev` or `tidings serve --worker`",
  );
}

async function work(path: string, options: WorkerCommandOptions): Promise<void> {
  const logger = createLogger(options.logLevel, "worker");
  const application = await loadApplication(path);
  await using app = application.app;
  await application.loadTasks();
  const worker = app.tasks.createWorker({ ...options, logger });
  assertShared(app.drivers.broker);
  if (app.tasks.names.length === 0) logger.warn("the application has no tasks");
  await runUntilStopped({
    name: "worker",
    logger,
    stopTimeoutMs: options.stopTimeout * 1000,
    async start() {
      await worker.start();
      printWorkerBanner(application, worker, logger);
    },
    stop: (signal) => worker.stop({ signal }),
  });
}
