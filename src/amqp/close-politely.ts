import { setTimeout as delay } from "node:timers/promises";

/** A RabbitMQ that hangs never answers; what it has not taken back by then, it takes back itself. */
const PATIENCE_MS = 1_000;

/** Asks RabbitMQ to end something, and waits for that a second at most; never rejects. */
export async function closePolitely(ask: () => Promise<unknown>): Promise<void> {
  try {
    await Promise.race([ask(), delay(PATIENCE_MS, undefined, { ref: false })]);
  } catch {
    // It had ended by itself.
  }
}
