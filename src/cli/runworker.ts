import { Command } from "commander";

import type { Application } from "../app/index.ts";
import { TidingsError } from "../core/errors.ts";
import { MemoryLayer } from "../layers/index.ts";
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
export function unsharedChannels({ app, channels }: Application): readonly string[] {
  return Object.entries(channels)
    .filter(([, { layer }]) => app.getLayer(layer) instanceof MemoryLayer)
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
  await runUntilStopped({
    name: "runworker",
    logger,
    stopTimeoutMs: options.stopTimeout * 1000,
    async start() {
      await worker.start();
      printBackgroundBanner({ app, channels: application.channels }, chosen, logger);
    },
    stop: (signal) => worker.stop({ signal }),
  });
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
