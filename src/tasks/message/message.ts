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
  readonly group: string | null;
  /** Who sent it: `gen<pid>@<host>`. */
  readonly origin: string | null;
}

/**
 * A message as brokers carry it: metadata in `headers`, the call in `body`.
 *
 * Brokers look at nothing but `id`. What is inside is checked by {@link decodeMessage}, so a broker
 * hands on whatever it finds.
 */
export interface EncodedMessage {
  readonly id: string;
  /** An object of JSON values. Unknown, since anybody may have written it. */
  readonly headers: unknown;
  /** JSON text. */
  readonly body: string;
}
