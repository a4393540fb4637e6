import { availableParallelism } from "node:os";

import { InvalidArgumentError, Option } from "commander";

import type { Application } from "../app/index.ts";
import type { Logger } from "../core/logger.ts";
import { MemoryLayer } from "../layers/index.ts";
import { printServerBanner } from "./banner.ts";
import { findFreePort } from "./find-free-port.ts";
import { createLogger } from "./logger.ts";
import { integer } from "./options.ts";
import { runUntilStopped } from "./run-until-stopped.ts";
import type { ListenOptions } from "./server-options.ts";
import { WorkerGroup } from "./worker-group.ts";

/** Beyond its own stop timeout, a worker gets this long to cut off what is left. */
const CUT_OFF_SECONDS = 3;

/** `--workers`: how many processes serve. */
export function workersOption(): Option {
  return new Option(
    "-w, --workers <count>",
    "processes that serve, on one port and with one memory; `auto` is one for each core",
  )
    .default(1)
    .argParser((text: string) => {
      if (text === "auto") return availableParallelism();
      try {
        return integer(1, 256)(text);
      } catch {
        throw new InvalidArgumentError("Expected a whole number from 1 to 256, or auto.");
      }
    });
}

/** `tidings serve --workers N`: starts the workers, and keeps them running until it is stopped. */
export async function serveWorkers(
  count: number,
  options: ListenOptions & { readonly logLevel: string },
): Promise<void> {
  const { port, host, unixSocket, tlsCert, logLevel, stopTimeout } = options;
  const logger = createLogger(logLevel, "server");
  const group = new WorkerGroup({
    count,
    logger,
    port: port === 0 && unixSocket === undefined ? await findFreePort(host) : port,
    onStarted: (server) => printServerBanner(server, logger),
  });
  const stopTimeoutMs = (stopTimeout + CUT_OFF_SECONDS) * 1_000;
  const stop = (signal: AbortSignal): Promise<void> => group.stop({ signal });
  void group.failed.then(async () => {
    await stop(AbortSignal.timeout(stopTimeoutMs));
    process.exit(1); // the worker that could not start has said why
  });
  const onHangUp = (): void => group.signal("SIGHUP");
  if (tlsCert !== undefined) process.on("SIGHUP", onHangUp);
  await runUntilStopped({
    name: "server",
    logger,
    stopTimeoutMs,
    start: async () => void group.start(),
    stop,
  });
  process.off("SIGHUP", onHangUp);
}

/** Says what several processes do not have in common. */
export function warnOfUnshared({ app }: Application, logger: Logger): void {
  const layers = [...app.layers].filter(([, layer]) => layer instanceof MemoryLayer);
  if (layers.length > 0) {
    logger.warn(
      { layers: layers.map(([name]) => name) },
      "each worker has these layers to itself, since the application made them: name them by the URL `memory:`",
    );
  }
  const { broker, results } = app.drivers;
  if (!broker.startsWith("memory:") && !results.startsWith("memory:")) return;
  logger.warn(
    { broker, results },
    "each worker has its own tasks: what one sends is neither run nor seen by the others; choose a broker that processes share (sqlite:…)",
  );
}
