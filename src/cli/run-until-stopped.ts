import type { Logger } from "../core/logger.ts";

/** What a command runs, and how it is ended. */
export interface RunOptions {
  /** What it is called in the log. */
  readonly name: string;
  readonly logger: Logger;
  /** How long the polite phase of a stop may last. */
  readonly stopTimeoutMs: number;
  /**
   * Whether another process of ours decides when this one stops: SIGINT, which a terminal sends to
   * both, is for that one, and a SIGTERM that comes twice is the same one. @default false
   */
  readonly isSupervised?: boolean | undefined;
  /** Starts everything; when it throws, what it had started is stopped. */
  readonly start: () => Promise<void>;
  /** Stops everything that has started; when the signal fires, without waiting for what is left. */
  readonly stop: (signal: AbortSignal) => Promise<void>;
  /** What a second signal, or SIGQUIT, does before the process ends. @default nothing */
  readonly abort?: (() => Promise<void>) | undefined;
}

/** The exit codes that the shell expects of a process that a signal has ended. */
const EXIT_CODES: Readonly<Partial<Record<NodeJS.Signals, number>>> = {
  SIGINT: 130,
  SIGQUIT: 131,
  SIGTERM: 143,
};

/** After the polite phase, cutting off what is left gets this long before the process just ends. */
const CUT_OFF_MS = 2_000;

/**
 * Starts, waits for SIGINT or SIGTERM, then stops within bounded time.
 *
 * The first signal lets work finish, for at most `stopTimeoutMs`. The second one, or SIGQUIT where there
 * is something to abort, ends the process at once: what `abort` does may take two seconds, unless there
 * is a third. When the start fails, nothing is left running and the error is thrown.
 */
export async function runUntilStopped(options: RunOptions): Promise<void> {
  const { name, logger, stopTimeoutMs, start } = options;
  // Before the start, for a signal that comes the moment it is done.
  using stopSignal = listenForStop(options);
  try {
    await start();
  } catch (thrown) {
    await stopInTime(options);
    throw thrown;
  }
  const signal = await stopSignal.received;
  logger.info({ signal, stopTimeoutMs }, `${name} is stopping; a second signal ends it at once`);
  await stopInTime(options);
  logger.info({}, `${name} stopped`);
}

interface StopSignal extends Disposable {
  readonly received: Promise<NodeJS.Signals>;
}

function listenForStop(options: RunOptions): StopSignal {
  const { abort, isSupervised = false } = options;
  const { promise: received, resolve } = Promise.withResolvers<NodeJS.Signals>();
  let isReceived = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isSupervised && (isReceived || signal === "SIGINT")) return;
    if (isReceived) return void exitNow(options, signal);
    isReceived = true;
    resolve(signal);
  };
  const onQuit = (signal: NodeJS.Signals): void => void exitNow(options, signal);
  // `tidings dev` holds a channel to its processes: when it is gone, however it died, so are they.
  const onDisconnect = (): void => onSignal("SIGTERM");
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  process.on("disconnect", onDisconnect);
  if (abort) process.on("SIGQUIT", onQuit);
  // It may have gone while the application was loading.
  if (process.send && !process.connected) onDisconnect();
  return {
    received,
    [Symbol.dispose]() {
      process.off("SIGINT", onSignal);
      process.off("SIGTERM", onSignal);
      process.off("SIGQUIT", onQuit);
      process.off("disconnect", onDisconnect); // listening would keep this process alive
    },
  };
}

let isExiting = false;

/** Ends the process, with as little delay as what is to be aborted takes. Never rejects. */
async function exitNow({ name, logger, abort }: RunOptions, signal: NodeJS.Signals): Promise<void> {
  const code = EXIT_CODES[signal] ?? 1;
  if (!isExiting) logger.warn({ signal }, `${name} ends at once`);
  if (isExiting || !abort) process.exit(code);
  isExiting = true;
  setTimeout(() => process.exit(code), CUT_OFF_MS);
  try {
    await abort();
  } catch (error) {
    logger.error({ err: error }, `${name} could not end in order`);
  }
  process.exit(code);
}

async function stopInTime({ name, logger, stopTimeoutMs, stop }: RunOptions): Promise<void> {
  const giveUp = setTimeout(() => {
    logger.error({}, `${name} could not stop in time`);
    process.exit(1);
  }, stopTimeoutMs + CUT_OFF_MS);
  await stop(AbortSignal.timeout(stopTimeoutMs));
  clearTimeout(giveUp);
}
