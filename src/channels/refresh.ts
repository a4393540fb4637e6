/** The reaction made by {@link refresh}. */
export interface Refresh {
  readonly kind: "refresh";
}

/**
 * Loads a feed's snapshot again when the event comes, and sends it to everybody who follows.
 *
 * Once per process and change, however many follow; changes that come while it loads are one more
 * load together.
 */
export function refresh(): Refresh {
  return { kind: "refresh" };
}
