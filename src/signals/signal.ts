import { TidingsError, toError } from "../core/errors.ts";

/** Somebody who wants to know. What it returns is awaited. */
export type Receiver<TPayload> = (payload: TPayload) => unknown;

/**
 * A typed announcement between parts of one process, as Django's signals are.
 *
 * Receivers are called in the order in which they were connected, at once, and then awaited together.
 * Delivery: to this process only. Survives: nothing. Bound: none of its own; who connects in a loop
 * without disconnecting holds on to the receivers.
 */
export interface Signal<TPayload> {
  readonly name: string;
  /** Adds a receiver; once, however often it is added. Returns what takes it out again. */
  connect(receiver: Receiver<TPayload>): () => void;
  /** Takes a receiver out; one that is not there is ignored. */
  disconnect(receiver: Receiver<TPayload>): void;
  /**
   * Calls every receiver and waits for all of them.
   *
   * @throws {TidingsError} RECEIVER_FAILED when any of them threw; every other one has run all the
   *   same. The cause holds all errors.
   */
  send(payload: TPayload): Promise<void>;
}

/**
 * Makes a signal.
 *
 * @see https://docs.djangoproject.com/en/stable/topics/signals/
 */
export function createSignal<TPayload>(name: string): Signal<TPayload> {
  const receivers = new Set<Receiver<TPayload>>();
  return {
    name,
    connect(receiver) {
      receivers.add(receiver);
      return () => void receivers.delete(receiver);
    },
    disconnect(receiver) {
      receivers.delete(receiver);
    },
    async send(payload) {
      const outcomes = await Promise.allSettled(
        [...receivers].map(async (receiver) => void (await receiver(payload))),
      );
      const errors = outcomes
        .filter((outcome) => outcome.status === "rejected")
        .map(({ reason }) => toError(reason));
      if (errors.length === 0) return;
      throw new TidingsError(
        "RECEIVER_FAILED",
        `${errors.length} of ${outcomes.length} receivers of signal \`${name}\` failed`,
        { cause: new AggregateError(errors) },
      );
    },
  };
}
