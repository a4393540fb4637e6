import type { Logger } from "../core/logger.ts";

/** What a command runs, and how it is ended. */
export interface RunOptions {
  /** What it is called in the log. */
  readonly name: string;
  readonly logger: Logger;
  /** How long the polite phase of a stop may last. */
  readonly stopTimeoutMs: number;
  /** Stops everything; when the signal fires, without waiting for what is left. */
  readonly stop: (signal: AbortSignal) => Promise<void>;
}

/** After the polite phase, cutting off what is left gets this long before the process just ends. */
const CUT_OFF_MS = 2_000;

/**
 * Waits for SIGINT or SIGTERM, then stops within bounded time.
 *
 * The first signal lets work finish, for at most `stopTimeoutMs`. The second one ends the process at
 * once, with the exit code that the shell expects of a signal.
 */
export async function runUntilStopped({
  name,
  logger,
  stopTimeoutMs,
  stop,
}: RunOptions): Promise<void> {
  const { promise: signalled, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let isStopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isStopping) {
      logger.warn({ signal }, `second signal, ${name} ends at once`);
      process.exit(signal === "SIGINT" ? 130 : 143);
    }
    isStopping = true;
    resolve(signal);
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  // `tidings dev` holds a channel to its processes: when it is gone, however it died, so are they.
  const onDisconnect = (): void => onSignal("SIGTERM");
  process.on("disconnect", onDisconnect);
  const signal = await signalled;
  logger.info({ signal, stopTimeoutMs }, `${name} is stopping; a second signal ends it at once`);
  const giveUp = setTimeout(() => {
    logger.error({}, `${name} could not stop in time`);
    process.exit(1);
  }, stopTimeoutMs + CUT_OFF_MS);
  await stop(AbortSignal.timeout(stopTimeoutMs));
  clearTimeout(giveUp);
  logger.info({}, `${name} stopped`);
  process.off("SIGINT", onSignal);
  process.off("SIGTERM", onSignal);
  process.off("disconnect", onDisconnect); // listening would keep this process alive
}
