import { Command } from "commander";

import { createServer } from "../server/index.ts";
import { printServerBanner } from "./banner.ts";
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

interface ServeOptions {
  readonly port: number;
  readonly host: string;
  readonly worker: boolean;
  readonly concurrency: number;
  readonly queues: readonly string[] | undefined;
  readonly logLevel: string;
  readonly stopTimeout: number;
}

/** `tidings serve`: the server, and with `--worker` a worker in the same process. */
export function serveCommand(): Command {
  return new Command("serve")
    .description("Serve an application's pages, consumers and feeds.")
    .argument("<module>", "the file that exports the application")
    .addOption(portOption())
    .addOption(hostOption())
    .option("--worker", "also run a worker in this process", false)
    .addOption(concurrencyOption())
    .addOption(queuesOption())
    .addOption(logLevelOption())
    .addOption(stopTimeoutOption())
    .action(serve);
}

async function serve(path: string, options: ServeOptions): Promise<void> {
  const logger = createLogger(options.logLevel, "server");
  const application = await loadApplication(path);
  await using app = application.app;
  if (options.worker) await application.loadTasks();
  const server = createServer(application, { port: options.port, host: options.host, logger });
  const worker = options.worker
    ? app.tasks.createWorker({ concurrency: options.concurrency, queues: options.queues, logger })
    : undefined;
  await runUntilStopped({
    name: "server",
    logger,
    stopTimeoutMs: options.stopTimeout * 1000,
    async start() {
      await server.start();
      await worker?.start();
      printServerBanner(application, server.url, logger);
    },
    async stop(signal) {
      await Promise.all([server.stop({ signal }), worker?.stop({ signal })]);
    },
  });
}
