/** What a client connects to, of which it knows nothing but what it takes and sends. */
export interface ConsumerTypes {
  readonly types?:
    | { readonly receives: unknown; readonly events: unknown; readonly replies: unknown }
    | undefined;
}

/** What a client may send to a consumer. */
export type MessageTo<TConsumer extends ConsumerTypes> = TConsumer extends {
  readonly types?: { readonly receives: infer TReceives } | undefined;
}
  ? TReceives
  : unknown;

/** What a consumer replies to a message: one type, or that of the message's `type`. */
export type ReplyTo<TConsumer extends ConsumerTypes, TMessage> = TConsumer extends {
  readonly types?: { readonly replies: infer TReplies } | undefined;
}
  ? TMessage extends { readonly type: infer TType extends keyof TReplies }
    ? TReplies[TType]
    : TReplies
  : unknown;

/** What the server says when a message was no JSON, or did not fit the consumer's schema. */
export interface ErrorMessage {
  readonly type: "error";
  readonly code: string;
  readonly message: string;
  readonly issues: readonly { readonly path: string; readonly message: string }[];
}

/** An event of which nothing but its type is known. */
export interface AnyEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** What a consumer may send: its events, and `error`. */
export type EventFrom<TConsumer extends ConsumerTypes> =
  | ErrorMessage
  | (TConsumer extends { readonly types?: { readonly events: infer TEvents } | undefined }
      ? unknown extends TEvents
        ? AnyEvent
        : TEvents
      : AnyEvent);

/** The one of several events that has this type. */
export type EventNamed<TEvents, TType extends string> = TEvents extends {
  readonly type: infer TName;
}
  ? TType extends TName
    ? TEvents
    : never
  : never;

/** The types of several events. */
export type TypeOf<TEvents> = TEvents extends { readonly type: infer TName extends string }
  ? TName
  : never;
