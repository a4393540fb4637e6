import { invalidOption } from "../../core/options.ts";

/** The ways to hear a server. */
export const TRANSPORTS = ["websocket", "sse", "ndjson", "long-poll", "poll"] as const;

/** One of {@link TRANSPORTS}. */
export type TransportName = (typeof TRANSPORTS)[number];

/** One of {@link TRANSPORTS}, or several in the order in which they are tried. */
export type TransportChoice = TransportName | readonly TransportName[];

/** Those that are tried, in order. */
export type TransportNames = readonly [TransportName, ...TransportName[]];

/** What is tried, unless one says otherwise: lines of JSON are held back by what holds back SSE. */
const DEFAULT_TRANSPORTS = ["websocket", "sse", "long-poll", "poll"] as const;

/**
 * The transports to try, in order.
 *
 * @throws {TidingsError} OPTION_INVALID when there is none, or one that is unknown.
 */
export function transportNames(choice: TransportChoice = DEFAULT_TRANSPORTS): TransportNames {
  const names = typeof choice === "string" ? [choice] : choice;
  const [first, ...others] = names;
  if (first && names.every((name) => TRANSPORTS.includes(name))) return [first, ...others];
  throw invalidOption("transport", `some of ${TRANSPORTS.join(", ")}`, String(choice));
}
