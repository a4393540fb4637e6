import type { StandardSchemaV1 } from "@standard-schema/spec";

import type { SchemaOutput } from "../core/schema.ts";
import type { HistoryBounds } from "../history/index.ts";
import type { Connection, Disconnect } from "./connection.ts";
import type { Forward } from "./forward.ts";
import type { PathParams } from "./path.ts";

/** Several schemas, by the `type` of what they describe. Those of events must be synchronous. */
export type SchemasByType = Readonly<Record<string, StandardSchemaV1>>;

/** One schema for everything, or one for each `type`. */
export type MessageSchemas = StandardSchemaV1 | SchemasByType;

/** The schema of a consumer that takes no messages. */
export type NoMessages = StandardSchemaV1<never, never>;

/** The events of a consumer that declares none. */
// oxlint-disable-next-line typescript/no-generated-empty-object-type -- no event has a schema
export type NoEvents = Readonly<Record<never, StandardSchemaV1>>;

/** A message or event with its type, as its handler gets it. */
export type EventOf<
  TSchemas extends SchemasByType,
  TType extends keyof TSchemas = keyof TSchemas,
> = {
  [TKey in TType & string]: { readonly type: TKey } & FieldsOf<SchemaOutput<TSchemas[TKey]>>;
}[TType & string];

/** An event without fields is described as one whose fields are all `never`, `type` among them. */
type FieldsOf<TFields> = TFields extends Readonly<Record<string, never>> ? unknown : TFields;

/** What a client may send, before the schemas have made something of it. */
export type MessageInput<TReceives extends MessageSchemas> = TReceives extends StandardSchemaV1
  ? StandardSchemaV1.InferInput<TReceives>
  : TReceives extends SchemasByType
    ? {
        [TKey in keyof TReceives & string]: { readonly type: TKey } & FieldsOf<
          StandardSchemaV1.InferInput<TReceives[TKey]>
        >;
      }[keyof TReceives & string]
    : never;

/** What a client that asks is answered: one type, or one for each type of message. */
export type Replies<TReplies> = TReplies extends StandardSchemaV1
  ? SchemaOutput<TReplies>
  : TReplies extends SchemasByType
    ? { readonly [TKey in keyof TReplies]: SchemaOutput<TReplies[TKey]> }
    : undefined;

/** What a handler returns: what its reply's schema takes, or anything when there is none. */
type Reply<TSchema> = TSchema extends StandardSchemaV1
  ? StandardSchemaV1.InferInput<TSchema> | Promise<StandardSchemaV1.InferInput<TSchema>>
  : unknown;

/** One handler for everything, or one for each type of message. */
export type Receive<TConnection, TReceives, TReplies> = TReceives extends StandardSchemaV1
  ? (connection: TConnection, message: SchemaOutput<TReceives>) => Reply<TReplies>
  : TReceives extends SchemasByType
    ? {
        readonly [TKey in keyof TReceives]: (
          connection: TConnection,
          message: EventOf<TReceives, TKey>,
        ) => Reply<TKey extends keyof TReplies ? TReplies[TKey] : undefined>;
      }
    : never;

/** What a handler of an event does: forward it, or run once for each connection. */
export type EventHandler<TConnection, TEvent> =
  | Forward<TEvent>
  | ((connection: TConnection, event: TEvent) => unknown);

/** What happens when a client reads more slowly than it is sent to, at the bound of its outbox. */
export type SlowConsumerPolicy =
  /** It is closed with 1013, and comes back. */
  | "disconnect"
  /** The oldest unsent messages are dropped. */
  | "drop-oldest"
  /** An unsent message makes way for a newer one with the same key; without a key it stays. */
  | { readonly conflate: (data: unknown) => string | undefined };

/** What a consumer is made of. `TPath` types `params`, the schemas type messages, replies and events. */
export interface ConsumerOptions<
  TPath extends string,
  TReceives extends MessageSchemas,
  TReplies extends MessageSchemas | undefined,
  TEvents extends SchemasByType,
  TState,
> {
  /** Where the consumer is, with `:parameters`. */
  readonly path: TPath;
  /** The name of the layer that carries its groups. @default "default" */
  readonly layer?: string | undefined;
  /**
   * Whether what is sent to its groups is kept, within bounds if given, and its connections miss nothing
   * of that: the default of their `groupSend` and `groupAdd`. @default false
   */
  readonly history?: boolean | HistoryBounds | undefined;
  /** The subprotocols it speaks, the best first; the first that the client offers too is chosen. */
  readonly subprotocols?: readonly string[] | undefined;
  /**
   * What clients may send as JSON: one schema, or one for each `type`. Without it they may send none.
   */
  readonly receives?: TReceives | undefined;
  /** What the handlers answer to clients that ask with `request`; without it they hear that it is done. */
  readonly replies?: TReplies | undefined;
  /** What groups may bring. An event that does not fit is logged and reaches nobody. */
  readonly events?: TEvents | undefined;
  /** Makes the state of one connection. */
  readonly state?: (() => TState) | undefined;
  /** Runs first. The connection is accepted when it returns without a reject. */
  connect?(connection: ConsumerConnection<TPath, TEvents, TState>): unknown;
  /**
   * Runs for every message of the client, after its schema. What it returns goes to a client that asks
   * if `replies` has a schema for it, and to nobody else.
   */
  readonly receive?:
    | Receive<ConsumerConnection<TPath, TEvents, TState>, TReceives, TReplies>
    | undefined;
  /** Runs for every text message instead of `receive`, with the text as it is. */
  readonly receiveText?:
    | ((connection: ConsumerConnection<TPath, TEvents, TState>, text: string) => unknown)
    | undefined;
  /** Runs for every binary message. Without it they are refused. */
  readonly receiveBytes?:
    | ((connection: ConsumerConnection<TPath, TEvents, TState>, bytes: Uint8Array) => unknown)
    | undefined;
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
  /**
   * What becomes of a connection when a handler throws, which is logged in any case: `close` ends it
   * with 1011, `keep` goes on with the next message. A `connect` that throws refuses it.
   *
   * @default "close"
   */
  readonly onError?: "close" | "keep" | undefined;
  /** @default "disconnect" */
  readonly slowConsumer?: SlowConsumerPolicy | undefined;
}

/** The connection that the handlers of a consumer get. */
export type ConsumerConnection<
  TPath extends string,
  TEvents extends SchemasByType,
  TState,
> = Connection<PathParams<TPath>, TState, EventOf<TEvents>>;
