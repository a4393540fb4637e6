/** What a {@link Service} is doing: `idle → starting → running → stopping → stopped`. */
export type ServiceState = "idle" | "starting" | "running" | "stopping" | "stopped";

/** How to stop a {@link Service}. */
export interface StopOptions {
  /** Ends the polite phase: when it fires, what still runs is cut off. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Something that runs until it is stopped.
 *
 * Stopping twice, or before starting, does nothing. `await using` stops it at the end of a block.
 */
export interface Service extends AsyncDisposable {
  readonly state: ServiceState;
  start(): Promise<void>;
  stop(options?: StopOptions): Promise<void>;
}
