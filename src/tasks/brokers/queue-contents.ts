/** How many messages are in a queue; `null` for what the broker cannot tell. */
export interface QueueCount {
  /** Those that a worker may take now. */
  readonly waiting: number;
  /** Those whose time has not come; before a worker has looked at one, it may count as waiting. */
  readonly delayed: number | null;
  /** Those that workers have. */
  readonly taken: number | null;
}

/**
 * What lies in the queues of a broker, for those who look after it.
 *
 * - `list` MUST name every queue that holds a message, sorted, or return `null` where a broker cannot tell.
 * - `count` MUST NOT take, move or change anything; a queue that does not exist has no messages.
 * - `purge` MUST remove all that waits in a queue, and what is delayed where the broker can reach it, and
 *   MUST NOT touch what workers have, nor other queues. It returns how many messages are gone for good.
 */
export interface QueueContents {
  list(): Promise<readonly string[] | null>;
  count(queue: string): Promise<QueueCount>;
  purge(queue: string): Promise<number>;
}
