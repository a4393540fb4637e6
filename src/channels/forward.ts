/** The reaction made by {@link forward}. */
export interface Forward<TEvent = unknown> {
  readonly kind: "forward";
  readonly map: ((event: TEvent) => unknown) | undefined;
}

/**
 * Sends an event of a group on to the client, as JSON.
 *
 * The event is checked, mapped and encoded once per process, however many connections get it. `map`
 * therefore knows nothing of a connection; where that matters, write a handler instead. A mapping to
 * `undefined` sends nothing.
 */
export function forward<TEvent = unknown>(map?: (event: TEvent) => unknown): Forward<TEvent> {
  return { kind: "forward", map };
}
