/** Something that is said to workers, in Celery's words. */
export interface ControlRequest {
  /** The command, as `ping` or `revoke`. */
  readonly method: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  /** The names of the workers that it is for; `null` for all. */
  readonly destination: readonly string[] | null;
  /** Which workers it is for, by their names, when `destination` is `null`. */
  readonly pattern: string | null;
  /** How the pattern is read. */
  readonly matcher: "glob" | "pcre" | null;
  /** When nobody waits for it any longer, in milliseconds since 1970. */
  readonly expiresAt: number | null;
  /** Where the answer is awaited, if it is. */
  readonly replyTo: ReplyAddress | null;
}

/** Where somebody waits for answers. */
export interface ReplyAddress {
  /** What the answers belong to. */
  readonly ticket: string;
  readonly exchange: string;
  readonly routingKey: string;
}

/** What one worker answered. */
export interface ControlReply {
  /** The name of the worker. */
  readonly worker: string;
  readonly value: unknown;
}

/** An address, for as long as somebody waits there. */
export interface ControlInbox extends AsyncDisposable {
  readonly address: ReplyAddress;
}

/**
 * How workers are spoken to: what is sent reaches all who listen, and they may answer.
 *
 * `src/testing/cases/control-channel.ts` checks each sentence against every driver.
 *
 * - `send` MUST reach every listener that has begun to listen, in this and in other processes, and none
 *   that begins later: nothing is kept. Delivery: at most once.
 * - What is sent MUST arrive equal, as far as JSON carries it.
 * - `reply` MUST reach the inbox of its address, if it is still open. It is no error when it is not.
 * - What cannot be read MUST be dropped, and harm nobody. A listener MUST NOT throw.
 */
export interface ControlChannel {
  /** Hears what is said from when it resolves, until the returned function is called. */
  listen(listener: (request: ControlRequest) => void): Promise<() => void>;
  send(request: ControlRequest): Promise<void>;
  /** Makes an address, and hears what is answered there. */
  openInbox(listener: (reply: ControlReply) => void): Promise<ControlInbox>;
  reply(address: ReplyAddress, reply: ControlReply): Promise<void>;
}
