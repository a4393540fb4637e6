import type { StandardSchemaV1 } from "@standard-schema/spec";

import { TidingsError } from "../core/errors.ts";
import type { SchemaOutput } from "../core/schema.ts";
import type { LayerMessage } from "../layers/index.ts";
import type { Connection, Disconnect } from "./connection.ts";
import type { Forward } from "./forward.ts";
import { compilePath, type CompiledPath, type PathParams } from "./path.ts";

/** The schemas of a consumer's events, by type. They must be synchronous. */
export type EventSchemas = Readonly<Record<string, StandardSchemaV1>>;

/** An event with its type, as it travels through a group. */
export type EventOf<TEvents extends EventSchemas, TType extends keyof TEvents = keyof TEvents> = {
  [TKey in TType & string]: { readonly type: TKey } & FieldsOf<SchemaOutput<TEvents[TKey]>>;
}[TType & string];

/** An event without fields is described as one whose fields are all `never`, `type` among them. */
type FieldsOf<TOutput> = TOutput extends Readonly<Record<string, never>> ? unknown : TOutput;

/** The events of a consumer that declares none. */
// oxlint-disable-next-line typescript/no-generated-empty-object-type -- no event has a schema
export type NoEvents = Readonly<Record<never, StandardSchemaV1>>;

/** What a handler of an event does: forward it, or run once for each connection. */
export type EventHandler<TConnection, TEvent> =
  | Forward<TEvent>
  | ((connection: TConnection, event: TEvent) => unknown);

/** What a consumer is made of. `TPath` types `params`, the schemas type messages and events. */
export interface ConsumerOptions<
  TPath extends string,
  TReceives extends StandardSchemaV1,
  TEvents extends EventSchemas,
  TState,
> {
  /** Where the consumer is, with `:parameters`. */
  readonly path: TPath;
  /** What clients may send. Without it they may send nothing. */
  readonly receives?: TReceives | undefined;
  /** What groups may bring. An event that does not fit is logged and reaches nobody. */
  readonly events?: TEvents | undefined;
  /** Makes the state of one connection. */
  readonly state?: (() => TState) | undefined;
  /** Runs first. The connection is accepted when it returns without a reject. */
  connect?(connection: ConsumerConnection<TPath, TEvents, TState>): unknown;
  /** Runs for every message of the client, after its schema. */
  receive?(
    connection: ConsumerConnection<TPath, TEvents, TState>,
    message: SchemaOutput<TReceives>,
  ): unknown;
  /** What happens with the events of the groups that a connection has joined. */
  readonly on?:
    | {
        readonly [TType in keyof TEvents]?: EventHandler<
          ConsumerConnection<TPath, TEvents, TState>,
          EventOf<TEvents, TType>
        >;
      }
    | undefined;
  /** Runs last, once, for every connection that was accepted. */
  disconnect?(
    connection: ConsumerConnection<TPath, TEvents, TState>,
    disconnect: Disconnect,
  ): unknown;
}

/** The connection that the handlers of a consumer get. */
export type ConsumerConnection<
  TPath extends string,
  TEvents extends EventSchemas,
  TState,
> = Connection<PathParams<TPath>, TState, EventOf<TEvents>>;

/** A consumer, ready to be routed to. `types` exists for the compiler alone. */
export interface ConsumerDefinition<TReceives = unknown, TEvents = unknown> {
  readonly kind: "consumer";
  readonly path: CompiledPath;
  readonly handlers: ConsumerHandlers;
  readonly types?: { readonly receives: TReceives; readonly events: TEvents };
}

/** The handlers of a consumer with their types erased, as the engine calls them. */
export interface ConsumerHandlers {
  readonly receives: StandardSchemaV1 | undefined;
  readonly events: EventSchemas;
  state(): unknown;
  connect(connection: Connection): unknown;
  receive(connection: Connection, message: unknown): unknown;
  disconnect(connection: Connection, disconnect: Disconnect): unknown;
  readonly on: ReadonlyMap<string, EventHandler<Connection, LayerMessage>>;
}

/**
 * Defines a consumer: what one kind of connection does, whatever carries it.
 *
 * @throws {TidingsError} ROUTE_INVALID for a bad path, APP_INVALID_DEFINITION when `on` handles an
 *   event without a schema.
 * @see https://channels.readthedocs.io/en/latest/topics/consumers.html
 */
export function consumer<
  const TPath extends string,
  TReceives extends StandardSchemaV1 = StandardSchemaV1<unknown, never>,
  const TEvents extends EventSchemas = NoEvents,
  TState = undefined,
>(
  options: ConsumerOptions<TPath, TReceives, TEvents, TState>,
): ConsumerDefinition<SchemaOutput<TReceives>, EventOf<TEvents>> {
  const path = compilePath(options.path);
  for (const type of Object.keys(options.on ?? {})) {
    if (options.events && Object.hasOwn(options.events, type)) continue;
    throw new TidingsError(
      "APP_INVALID_DEFINITION",
      `consumer \`${options.path}\` handles \`${type}\`, which its \`events\` do not declare`,
    );
  }
  return { kind: "consumer", path, handlers: eraseTypes(options) };
}

/**
 * The one place where the types that `consumer` has checked are given up.
 *
 * A connection of the engine has the params, state and events of its own consumer by construction.
 */
function eraseTypes<
  TPath extends string,
  TReceives extends StandardSchemaV1,
  TEvents extends EventSchemas,
  TState,
>(options: ConsumerOptions<TPath, TReceives, TEvents, TState>): ConsumerHandlers {
  const typed = (connection: Connection): ConsumerConnection<TPath, TEvents, TState> =>
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
    connection as unknown as ConsumerConnection<TPath, TEvents, TState>;
  const on = new Map<string, EventHandler<Connection, LayerMessage>>();
  for (const [type, handler] of Object.entries(options.on ?? {})) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- see above
    if (handler) on.set(type, handler as EventHandler<Connection, LayerMessage>);
  }
  return {
    receives: options.receives,
    events: options.events ?? {},
    state: () => options.state?.(),
    connect: (connection) => options.connect?.(typed(connection)),
    receive: (connection, message) => options.receive?.(typed(connection), message),
    disconnect: (connection, disconnect) => options.disconnect?.(typed(connection), disconnect),
    on,
  };
}
