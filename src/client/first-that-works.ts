import { Interruption } from "./interruption.ts";
import type { Attempt, AttemptOptions } from "./reconnecting.ts";
import type { Closing } from "./status.ts";

/** When a better way is tried again after the first fall; each further time takes twice as long. */
const FIRST_CLIMB_MS = 60_000;
const MAX_CLIMB_MS = 15 * 60_000;
/** A connection that breaks sooner is a short one; after so many in a row, the way is no good. */
const SHORT_MS = 5_000;
const MAX_SHORT = 3;

const ANOTHER = new Interruption("another transport is tried", { isOurs: true });

/**
 * Makes one attempt of several: the first that gets through, in their order.
 *
 * | state    | what is true                                 | left when                                      |
 * | -------- | -------------------------------------------- | ---------------------------------------------- |
 * | best     | the first way is used                        | it is blocked: to the next                     |
 * | fallen   | a later way is used                          | it is blocked: to the next, after the last one to the best; or after a minute, that doubles to 15: climbing |
 * | climbing | the best way is tried again                  | it opens: best; or is blocked: back to fallen  |
 *
 * A way is blocked when the server is there but not this way (a proxy that knows no WebSockets, or holds
 * streams back), or when three connections in a row broke within 5 s. A server that is away blocks
 * nothing: the same way is tried again. Calls back at every change, with what comes next.
 */
export function firstThatWorks<TWay, TItem>(
  ways: readonly [TWay, ...TWay[]],
  onChoice: (way: TWay) => void,
  attempt: (way: TWay, options: AttemptOptions) => AsyncGenerator<TItem, Closing>,
): Attempt<TItem> {
  let [way] = ways;
  let at = 0;
  let climbedFrom: number | undefined;
  let climbMs = FIRST_CLIMB_MS;
  let shortOnes = 0;

  function choose(index: number): void {
    at = index % ways.length;
    way = ways[at] ?? way;
    onChoice(way);
  }

  return async function* attemptOne({ opened, signal }): AsyncGenerator<TItem, Closing> {
    const climb = new AbortController();
    let openedAt: number | undefined;
    let climbTimer: ReturnType<typeof setTimeout> | undefined;
    const onOpened = (): void => {
      openedAt ??= Date.now();
      if (at === 0) climbedFrom = undefined;
      else climbTimer ??= setTimeout(() => climb.abort(ANOTHER), climbMs);
      opened();
    };
    try {
      const both = AbortSignal.any([signal, climb.signal]);
      const closing = yield* attempt(way, { opened: onOpened, signal: both });
      if (signal.aborted || !climb.signal.aborted) return closing;
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      if (!climb.signal.aborted) {
        if (openedAt) shortOnes = Date.now() - openedAt < SHORT_MS ? shortOnes + 1 : 0;
        const { isBlocked } = Interruption.from(thrown).details;
        if (!isBlocked && shortOnes < MAX_SHORT) throw thrown;
        shortOnes = 0;
        choose(climbedFrom ?? at + 1);
        climbedFrom = undefined;
        // When each was blocked, the first is tried after a while.
        throw at === 0 ? thrown : ANOTHER;
      }
    } finally {
      clearTimeout(climbTimer);
    }
    climbedFrom = at;
    climbMs = Math.min(2 * climbMs, MAX_CLIMB_MS);
    choose(0);
    throw ANOTHER;
  };
}
