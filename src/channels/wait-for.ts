/** Waits for a promise, for a time, or for an abort, whichever comes first. */
export async function waitFor(
  promise: Promise<void>,
  ms: number,
  signal?: AbortSignal,
): Promise<void> {
  if (ms <= 0 || signal?.aborted) return;
  const { promise: over, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal?.addEventListener("abort", () => resolve(), { once: true });
  await Promise.race([promise, over]);
  clearTimeout(timer);
}
