/** What a contender is told, one JSON line each; it answers each with one JSON line. */
export type Order =
  /** Sends no-op tasks and returns how many it sent per second; `window` of them are under way at once. */
  | { readonly do: "send"; readonly count: number; readonly window: number }
  /** The same with calls that take many tasks each. */
  | { readonly do: "send-many"; readonly count: number }
  /** Sends one task and waits for its result, again and again; returns the milliseconds of each. */
  | { readonly do: "round-trips"; readonly count: number }
  /** Returns once tasks are taken. */
  | { readonly do: "work"; readonly concurrency: number }
  /** Returns the bytes resident after a collection. */
  | { readonly do: "memory" };

/** How many tasks one call of "send-many" has. */
export const MANY = 500;

/** Measures how many a second. */
export async function rateOf(count: number, run: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await run();
  return (count / (performance.now() - start)) * 1_000;
}

/** Calls a function `count` times, with `window` calls under way. */
export async function inWindow(
  count: number,
  window: number,
  call: () => Promise<unknown>,
): Promise<void> {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: window }, lane));
}

/** Calls a function again and again; returns the milliseconds of each call. */
export async function timesOf(
  count: number,
  call: () => Promise<unknown>,
): Promise<readonly number[]> {
  const times: number[] = [];
  for (let n = 0; n < count; n++) {
    const start = performance.now();
    await call();
    times.push(performance.now() - start);
  }
  return times;
}
