import { Command } from "commander";

import type { Application } from "../app/index.ts";
import type { Logger } from "../core/logger.ts";
import { createServer } from "../server/index.ts";
import { describeServer, printBackgroundBanner, printServerBanner } from "./banner.ts";
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
import { renewOnHangUp } from "./renew-on-hang-up.ts";
import { runUntilStopped } from "./run-until-stopped.ts";
import { unsharedChannels } from "./runworker.ts";
import { serveWorkers, warnOfUnshared, workersOption } from "./serve-workers.ts";
import { listenOptions, toServerOptions, type ListenOptions } from "./server-options.ts";
import { announce, leaveSeat, takeSeat, type Seat } from "./worker-seat.ts";

interface ServeOptions extends ListenOptions {
  readonly worker: boolean;
  readonly runworker: boolean;
  readonly workers: number;
  readonly concurrency: number;
  readonly queues: readonly string[] | undefined;
  readonly logLevel: string;
}

/** `tidings serve`: the server, and with `--worker` a worker in the same process. */
export function serveCommand(): Command {
  const command = new Command("serve")
    .description("Serve an application's pages, consumers and feeds.")
    .argument("<module>", "the file that exports the application")
    .addOption(portOption())
    .addOption(hostOption())
    .addOption(workersOption())
    .option("--worker", "also run a worker in this process", false)
    .option("--runworker", "also run the background consumers in this process", false)
    .addOption(concurrencyOption())
    .addOption(queuesOption())
    .addOption(logLevelOption())
    .addOption(stopTimeoutOption())
    .action(serve);
  for (const option of listenOptions()) command.addOption(option);
  return command;
}

async function serve(path: string, options: ServeOptions): Promise<void> {
  const seat = takeSeat();
  if (!seat && options.workers > 1) return await serveWorkers(options.workers, options);
  try {
    await serveHere(path, options, seat);
  } finally {
    if (seat) leaveSeat();
  }
}

async function serveHere(
  path: string,
  options: ServeOptions,
  seat: Seat | undefined,
): Promise<void> {
  const logger = createLogger(options.logLevel, "server", seat?.number);
  const application = await loadApplication(path);
  await using app = application.app;
  if (options.worker) await application.loadTasks();
  const server = createServer(application, {
    ...(await toServerOptions({ ...options, port: seat?.port ?? options.port })),
    logger,
  });
  const endRenewal = renewOnHangUp(server, options, logger);
  const worker = options.worker
    ? app.tasks.createWorker({ concurrency: options.concurrency, queues: options.queues, logger })
    : undefined;
  const background = options.runworker ? application.createBackgroundWorker({ logger }) : undefined;
  await runUntilStopped({
    name: "server",
    logger,
    stopTimeoutMs: options.stopTimeout * 1000,
    isSupervised: seat !== undefined,
    async start() {
      await server.start();
      await worker?.start();
      await background?.start();
      const description = describeServer(application, server.url);
      if (seat) announce(description);
      else printServerBanner(description, logger);
      if (seat?.isSpeaker) warnOfUnshared(application, logger);
      if (seat?.isSpeaker === false) return; // the first worker says it for all
      if (background) printBackgroundBanner(application, Object.keys(application.channels), logger);
      else warnOfUnread(application, logger);
    },
    async stop(signal) {
      endRenewal();
      await Promise.all([
        server.stop({ signal }),
        worker?.stop({ signal }),
        background?.stop({ signal }),
      ]);
    },
  });
}

/** Nobody else can read what this process sends to a channel in its own memory. */
function warnOfUnread(application: Application, logger: Logger): void {
  const channels = unsharedChannels(application);
  if (channels.length === 0) return;
  logger.warn(
    { channels },
    "nobody reads these channels, which are in memory; --runworker does it in this process",
  );
}
