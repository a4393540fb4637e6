/** What a message carries besides its arguments: what to send after the task. */
export interface MessageEmbed {
  readonly callbacks?: unknown;
  readonly errbacks?: unknown;
  readonly chain?: unknown;
  readonly chord?: unknown;
}

/** A call of a task, as worker and caller see it. */
export interface TaskMessage {
  readonly id: string;
  /** The name of the task. */
  readonly task: string;
  readonly args: readonly unknown[];
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly embed: MessageEmbed;
  /** How often the task has been retried. */
  readonly retries: number;
  /** Not before this time, in milliseconds since 1970. */
  readonly eta: number | null;
  /** Not after this time, in milliseconds since 1970. */
  readonly expires: number | null;
  /** The first task of the workflow; its own id for the first. */
  readonly rootId: string;
  /** The task that sent this one. */
  readonly parentId: string | null;
  /** The group that it is a member of. */
  readonly group: string | null;
  /** Its place in the group. */
  readonly groupIndex: number | null;
  /** Who sent it: `gen<pid>@<host>`. */
  readonly origin: string | null;
  /** What it is called in logs, instead of `task`. */
  readonly shadow: string | null;
  readonly timeLimits: TimeLimits;
  /** Whether nobody wants to know its outcome. */
  readonly ignoreResult: boolean;
  /** How often a task has put another one into its own place. */
  readonly replacedTaskNesting: number;
  /** The names of the stamps, as far as they were given. */
  readonly stampedHeaders: readonly string[] | null;
  /** Marks that a workflow puts on each of its tasks. */
  readonly stamps: Readonly<Record<string, unknown>>;
  /** Headers that a caller added. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** Where the caller waits for results that are sent rather than stored. */
  readonly replyTo: string | null;
  /** As the broker counts it. */
  readonly priority: number | null;
}

/** How long a task may run, in milliseconds; `null` as the worker has it. */
export interface TimeLimits {
  /** It is ended after so long. */
  readonly hardMs: number | null;
  /** It is told to end after so long. */
  readonly softMs: number | null;
}

/** A call that is to be sent: what is absent is as in a plain call. */
export type OutgoingMessage = Pick<TaskMessage, "id" | "task"> & Partial<TaskMessage>;

/** What a message tells brokers and those who wait for its outcome. */
export interface MessageProperties {
  readonly correlationId?: string | undefined;
  /** Where results go that are sent rather than stored. */
  readonly replyTo?: string | undefined;
  /** 2: kept on disk, 1: not. */
  readonly deliveryMode?: number | undefined;
  /** As the broker counts it: on Redis 0 is first, on RabbitMQ last. */
  readonly priority?: number | undefined;
  /** Milliseconds, as text. */
  readonly expiration?: string | undefined;
  /** Those that we do not know, handed on as they came. */
  readonly others?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * A message as brokers carry it: metadata in `headers`, the call in `body`.
 *
 * Brokers look at `id` and `properties`. What is inside is checked by {@link decodeMessage}, so a
 * broker hands on whatever it finds.
 */
export interface EncodedMessage {
  readonly id: string;
  /** An object of JSON values. Unknown, since anybody may have written it. */
  readonly headers: unknown;
  /** The serialized call, perhaps compressed. */
  readonly body: Uint8Array;
  /** How the body was serialized: `application/json`. */
  readonly contentType: string;
  /** `utf-8` or `binary`. */
  readonly contentEncoding: string;
  readonly properties: MessageProperties;
}
