import { Command } from "commander";

import type { Application } from "../app/index.ts";
import { TidingsError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { MemoryLayer, RedisLayer, SharedMemoryLayer, type ChannelLayer } from "../layers/index.ts";
import { reportIncidents } from "../server/index.ts";
import { printBackgroundBanner } from "./banner.ts";
import { loadApplication } from "./load-application.ts";
import { createLogger } from "./logger.ts";
import { logLevelOption, stopTimeoutOption } from "./options.ts";
import { runUntilStopped } from "./run-until-stopped.ts";

interface RunworkerOptions {
  readonly logLevel: string;
  readonly stopTimeout: number;
}

/** `tidings runworker`: runs background consumers, fed by the channel layer. */
export function runworkerCommand(): Command {
  return new Command("runworker")
    .description("Run an application's background consumers, which the channel layer feeds.")
    .argument("<module>", "the file that exports the application")
    .argument("[names...]", "the channels to read (default: all of the application's `channels`)")
    .addOption(logLevelOption())
    .addOption(stopTimeoutOption())
    .action(runworker);
}

/** Whether other processes cannot reach these channels, since their layer is this process's memory. */
export function unsharedChannels(application: Application): readonly string[] {
  return [...layersOfChannels(application)]
    .filter(([, layer]) => layer instanceof MemoryLayer || layer instanceof SharedMemoryLayer)
    .map(([name]) => name);
}

async function runworker(
  path: string,
  names: readonly string[],
  options: RunworkerOptions,
): Promise<void> {
  const logger = createLogger(options.logLevel, "runworker");
  const application = await loadApplication(path);
  await using app = application.app;
  const chosen = chooseChannels(application, names);
  const worker = application.createBackgroundWorker({ names: chosen, logger });
  const layers = layersOfChannels(application, chosen);
  warnOfCopies(layers, logger);
  const endReports = [...new Set(layers.values())].map((layer) => reportIncidents(layer, logger));
  await runUntilStopped({
    name: "runworker",
    logger,
    stopTimeoutMs: options.stopTimeout * 1000,
    async start() {
      await worker.start();
      printBackgroundBanner({ app, channels: application.channels }, chosen, logger);
    },
    async stop(signal) {
      await worker.stop({ signal });
      for (const end of endReports) end();
    },
  });
}

/** The layer of each channel. */
function layersOfChannels(
  { app, channels }: Application,
  names: readonly string[] = Object.keys(channels),
): ReadonlyMap<string, ChannelLayer> {
  const chosen = Object.entries(channels).filter(([name]) => names.includes(name));
  return new Map(chosen.map(([name, { layer }]) => [name, app.getLayer(layer)]));
}

/** Pub/sub has no queue to share: whoever reads a channel gets all of it. */
function warnOfCopies(layers: ReadonlyMap<string, ChannelLayer>, logger: Logger): void {
  const channels = [...layers]
    .filter(([, layer]) => layer instanceof RedisLayer)
    .map(([name]) => name);
  if (channels.length === 0) return;
  logger.warn(
    { channels },
    "every process gets every message of these channels, and what is sent while none reads is lost; with a redis+queue:// layer they share and keep them",
  );
}

/** Returns the channels to read: those that are named, or all. */
function chooseChannels(application: Application, names: readonly string[]): readonly string[] {
  const known = Object.keys(application.channels);
  const chosen = names.length > 0 ? [...new Set(names)] : known;
  const unknown = chosen.find((name) => !known.includes(name));
  if (known.length === 0) {
    throw new TidingsError(
      "OPTION_INVALID",
      "the application has no background consumers; name some in `application({ channels })`",
    );
  }
  if (unknown !== undefined) {
    throw new TidingsError(
      "OPTION_INVALID",
      `the application has no channel \`${unknown}\`; it has ${known.join(", ")}`,
    );
  }
  const unshared = unsharedChannels(application).filter((name) => chosen.includes(name));
  if (unshared.length > 0) {
    throw new TidingsError(
      "LAYER_NOT_SHARED",
      `the layer of ${unshared.join(", ")} is in memory, where no other process can send to it: choose a layer that processes share (redis+queue://…), or run them in the server's process with \`tidings dev\` or \`tidings serve --runworker\``,
    );
  }
  return chosen;
}
