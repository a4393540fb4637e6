import type { StandardSchemaV1 } from "@standard-schema/spec";

import { TidingsError } from "../core/errors.ts";
import { isRecord } from "../core/is-record.ts";
import type { Logger } from "../core/logger.ts";
import {
  assertKnownOptions,
  assertPositiveInteger,
  invalidOption,
  optionNames,
} from "../core/options.ts";
import type { OutgoingMessage } from "../layers/index.ts";
import { assertSchemasByType } from "./assert-schemas.ts";
import type { EventOf, SchemasByType } from "./consumer-options.ts";

/** What a handler of a background consumer gets beside its event. */
export interface BackgroundContext {
  /** The channel that the event came through. */
  readonly channelName: string;
  /** Fires when the time to stop is over; give it to what a handler waits for. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  /** Sends a message to a channel of the same layer. */
  send(channel: string, message: OutgoingMessage): Promise<void>;
  /** Sends a message to every member of a group of the same layer. */
  groupSend(group: string, message: OutgoingMessage): Promise<void>;
}

/** What a background consumer is made of. The schemas type the events. */
export interface BackgroundConsumerOptions<TEvents extends SchemasByType> {
  /** What may be sent to its channel, by type. What does not fit is logged and dropped. */
  readonly events: TEvents;
  /** What happens with each of them. */
  readonly on: {
    readonly [TType in keyof TEvents]: (
      context: BackgroundContext,
      event: EventOf<TEvents, TType>,
    ) => unknown;
  };
  /** How many events one process handles at the same time; 1 keeps them in order. @default 1 */
  readonly concurrency?: number | undefined;
  /** The name of the layer that its channel is on. @default "default" */
  readonly layer?: string | undefined;
}

/** A background consumer, ready to be given a channel. `types` exists for the compiler alone. */
export interface BackgroundConsumer<TEvents = unknown> {
  readonly kind: "background-consumer";
  readonly layer: string;
  readonly concurrency: number;
  readonly handlers: ReadonlyMap<string, BackgroundHandler>;
  readonly types?: { readonly events: TEvents };
}

/** How one type of event is handled, with its type erased. */
export interface BackgroundHandler {
  readonly schema: StandardSchemaV1;
  handle(context: BackgroundContext, event: unknown): unknown;
}

const NAMES = optionNames<BackgroundConsumerOptions<SchemasByType>>({
  events: true,
  on: true,
  concurrency: true,
  layer: true,
});

/**
 * Defines a background consumer: what happens with the messages that are sent to a channel.
 *
 * It gets its channel in `application({ channels })`, and runs in `tidings runworker`.
 *
 * Delivery: at most once. A message belongs to the process that has taken it: when its handler throws
 * it is logged and gone, and a process that is killed loses those it was handling. What must not be
 * lost is a task.
 *
 * @throws {TidingsError} APP_INVALID_DEFINITION when an event lacks its handler or a handler its
 *   event, OPTION_INVALID when `concurrency` is no positive integer or `events` no schemas, or for an option that nobody knows.
 * @see https://channels.readthedocs.io/en/latest/topics/worker.html
 */
export function backgroundConsumer<const TEvents extends SchemasByType>(
  options: BackgroundConsumerOptions<TEvents>,
): BackgroundConsumer<EventOf<TEvents>> {
  assertKnownOptions("a background consumer", options, NAMES);
  const { events, on, concurrency = 1, layer = "default" } = options;
  assertSchemasByType("events", events);
  if (!isRecord(on)) throw invalidOption("on", "an object", on);
  const handlers = new Map<string, BackgroundHandler>();
  for (const [type, schema] of Object.entries(events)) {
    const handle: unknown = Object.hasOwn(on, type) ? on[type] : undefined;
    if (typeof handle !== "function") {
      throw invalid(`declares \`${type}\` in \`events\`, but \`on\` does not handle it`);
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its event has passed the schema
    handlers.set(type, { schema, handle: handle as BackgroundHandler["handle"] });
  }
  for (const type of Object.keys(on)) {
    if (!handlers.has(type)) {
      throw invalid(`handles \`${type}\`, which its \`events\` do not declare`);
    }
  }
  return {
    kind: "background-consumer",
    layer,
    concurrency: assertPositiveInteger("concurrency", concurrency),
    handlers,
  };
}

function invalid(what: string): TidingsError {
  return new TidingsError("APP_INVALID_DEFINITION", `a background consumer ${what}`);
}
