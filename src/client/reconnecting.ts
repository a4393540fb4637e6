import { backoffMs } from "../core/backoff.ts";
import { TidingsError } from "../core/errors.ts";
import { onAway } from "./browser.ts";
import { Interruption } from "./interruption.ts";
import { pause } from "./pause.ts";
import { closingOf } from "./refusal.ts";
import type { AttemptChange, Closing } from "./status.ts";

/**
 * One attempt to reach the server: yields what it brings.
 *
 * Returns when it is over for good, throws a {@link TidingsError} when it failed for good, and throws
 * anything else when it broke and another attempt is worth it.
 */
export type Attempt<TItem> = (options: AttemptOptions) => AsyncGenerator<TItem, Closing>;

/** What an {@link Attempt} is given. */
export interface AttemptOptions {
  /** To be called when the server answers. */
  readonly opened: () => void;
  /** Ends the attempt: it then returns, or throws anything. */
  readonly signal: AbortSignal;
}

/** What {@link reconnecting} needs. */
export interface ReconnectingOptions {
  /** Ends everything, also a wait. */
  readonly signal: AbortSignal;
  readonly onStatus: (change: AttemptChange) => void;
}

/** What stayed open for so long was no failure: the next attempt after it comes soon again. */
const STABLE_MS = 5_000;
/** A server may ask for more, but then nobody would believe that the page still lives. */
const MAX_RETRY_AFTER_MS = 60_000;

/**
 * Yields what attempts bring, making the next one whenever one breaks.
 *
 * Between attempts it waits a random time below a limit that doubles from 0.5 s to 30 s, at least what
 * the server asks for; not when the network or the tab comes back, which is tried at once. An attempt is
 * broken off when the network goes, which a connection alone may not notice for minutes, and when the page
 * is put aside, so that the browser may keep it. Ends without an error when an attempt ends or the signal fires.
 *
 * @throws {TidingsError} what an attempt fails with for good.
 */
export async function* reconnecting<TItem>(
  attempt: Attempt<TItem>,
  { signal, onStatus }: ReconnectingOptions,
): AsyncGenerator<TItem, void> {
  let failures = 0;
  let closing: Closing = {};
  try {
    while (!signal.aborted) {
      let openedAt: number | undefined;
      const away = new AbortController();
      const stopListening = onAway(() => away.abort(new Interruption("the network is away")));
      onStatus({ status: "connecting" });
      try {
        closing = yield* attempt({
          signal: AbortSignal.any([signal, away.signal]),
          opened() {
            if (openedAt) return;
            openedAt = Date.now();
            onStatus({ status: "open" });
          },
        });
        if (signal.aborted || !away.signal.aborted) return;
        throw away.signal.reason;
      } catch (thrown) {
        if (signal.aborted) return;
        if (thrown instanceof TidingsError) throw thrown;
        const { isOurs, retryAfterMs = 0 } = Interruption.from(thrown).details;
        if (isOurs) continue;
        if (openedAt && Date.now() - openedAt >= STABLE_MS) failures = 0;
        const retryInMs = Math.round(
          Math.min(retryAfterMs, MAX_RETRY_AFTER_MS) + backoffMs(failures++),
        );
        onStatus({ status: "waiting", retryInMs, ...closingOf(thrown) });
        await pause(retryInMs, signal);
      } finally {
        stopListening();
      }
    }
  } catch (thrown) {
    closing = closingOf(thrown);
    throw thrown;
  } finally {
    onStatus({ status: "closed", ...closing });
  }
}
