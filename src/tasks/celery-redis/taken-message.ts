/** A message that somebody has taken, and the queue that it came from. */
export interface TakenMessage {
  readonly text: string;
  readonly queue: string;
}

/**
 * Reads `[envelope, "exchange", "routing key"]`, as kombu and we write it down.
 *
 * The envelope is cut out rather than parsed: it goes on as it came. With Celery the routing key of a
 * queue is its name.
 */
export function readTaken(value: string): TakenMessage {
  const [, text = value, name = '"celery"'] =
    /^\[(.*), "(?:[^"\\]|\\.)*", ("(?:[^"\\]|\\.)*")\]$/s.exec(value) ?? [];
  return { text, queue: String(JSON.parse(name)) };
}
