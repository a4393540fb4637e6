import { Command } from "commander";

import { TidingsError } from "../core/errors.ts";
import { hearStrayErrors, STRAY_REJECTION } from "../tasks/index.ts";
import { printWorkerBanner } from "./banner.ts";
import { healthOptions, HealthServer, type HealthServerOptions } from "./health-server.ts";
import { loadApplication } from "./load-application.ts";
import { createLogger } from "./logger.ts";
import { logLevelOption, stopTimeoutOption } from "./options.ts";
import { runUntilStopped } from "./run-until-stopped.ts";
import { toWorkerOptions, workerOptions, type WorkerArguments } from "./worker-options.ts";

interface WorkerCommandOptions extends WorkerArguments, HealthServerOptions {
  readonly logLevel: string;
  readonly stopTimeout: number;
}

/** `tidings worker`: carries out tasks. */
export function workerCommand(): Command {
  const command = new Command("worker")
    .description("Carry out an application's tasks.")
    .argument("<module>", "the file that exports the application");
  for (const option of [...workerOptions(), ...healthOptions()]) command.addOption(option);
  return command.addOption(logLevelOption()).addOption(stopTimeoutOption()).action(work);
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
  const { queues } = app.tasks.createWorker();
  const worker = app.tasks.createWorker({
    ...toWorkerOptions(path, options, queues),
    logger,
    onShutdown: () => process.kill(process.pid, "SIGTERM"),
  });
  using _ = hearStrayErrors({
    onRejection: (err, task) =>
      logger.error({ err, task: task?.name, id: task?.id }, STRAY_REJECTION),
    onException(err, task) {
      logger.error({ err, task: task?.name, id: task?.id }, "a callback threw: the worker stops");
      process.exitCode = 1;
      process.kill(process.pid, "SIGTERM");
    },
  });
  await using health = new AsyncDisposableStack();
  assertShared(app.drivers.broker);
  if (app.tasks.names.length === 0) logger.warn("the application has no tasks");
  await runUntilStopped({
    name: "worker",
    logger,
    stopTimeoutMs: options.stopTimeout * 1000,
    async start() {
      if (options.healthPort !== undefined) {
        const subject = { worker, queues: app.tasks.queues };
        const server = health.use(await HealthServer.start(subject, options));
        logger.info({ url: server.url }, "worker health");
      }
      await worker.start();
      void worker.reached.then(() => printWorkerBanner(application, worker, logger));
    },
    stop: (signal) => worker.stop({ signal }),
    abort: () => worker.abort(),
  });
}
