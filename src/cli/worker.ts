import { Command } from "commander";

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

async function work(path: string, options: WorkerCommandOptions): Promise<void> {
  const logger = createLogger(options.logLevel, "worker");
  const application = await loadApplication(path);
  await using app = application.app;
  await application.loadTasks();
  const worker = app.tasks.createWorker({ ...options, logger });
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
