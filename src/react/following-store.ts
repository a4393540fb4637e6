import type { Closing, Status, StatusChange } from "../client/index.ts";
import { toError } from "../core/errors.ts";
import { ExternalStore } from "./external-store.ts";

/** What a component sees of something that is followed. Replaced as a whole at every change. */
export interface Following<TValue> {
  readonly value: TValue;
  readonly status: Status;
  /** Why it is not open, if anybody said so. */
  readonly closing: Closing | undefined;
  /** What following has failed with for good. */
  readonly error: Error | undefined;
}

/** How to make a {@link FollowingStore}. */
export interface FollowingStoreOptions<TEvent, TValue> {
  /** Begins to follow, after the last event that came before, if any; nothing when there is nothing to follow. */
  readonly open: (
    last: TEvent | undefined,
    signal: AbortSignal,
    onStatus: (change: StatusChange) => void,
  ) => AsyncIterable<TEvent> | undefined;
  readonly reduce: (value: TValue, event: TEvent) => TValue;
  readonly initial: TValue;
}

/** Something that is followed. Who comes back to it goes on after the last event. */
export class FollowingStore<TEvent, TValue> extends ExternalStore<Following<TValue>> {
  readonly #options: FollowingStoreOptions<TEvent, TValue>;
  #last: TEvent | undefined;
  #running: AbortController | undefined;

  constructor(options: FollowingStoreOptions<TEvent, TValue>) {
    super({ value: options.initial, status: "connecting", closing: undefined, error: undefined });
    this.#options = options;
  }

  protected start(): void {
    void this.#run();
  }

  protected stop(): void {
    this.#running?.abort();
    this.#running = undefined;
  }

  /** Never rejects: what goes wrong is in the state. */
  async #run(): Promise<void> {
    const { open, reduce } = this.#options;
    const running = new AbortController();
    this.#running = running;
    const change = (part: Partial<Following<TValue>>): void => {
      // What has been stopped says no more.
      if (this.#running === running) this.enter({ ...this.getSnapshot(), ...part });
    };
    try {
      const events = open(this.#last, running.signal, ({ status, ...closing }) =>
        change({ status, closing }),
      );
      for await (const event of events ?? []) {
        if (running.signal.aborted) return;
        this.#last = event;
        change({ value: reduce(this.getSnapshot().value, event) });
      }
    } catch (thrown) {
      change({ status: "closed", error: toError(thrown) });
    }
  }
}
