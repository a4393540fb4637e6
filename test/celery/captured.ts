import { readFileSync } from "node:fs";

/** Something that Celery's processes sent or stored, word for word. */
export interface Captured {
  readonly name: string;
  /** The version that did. */
  readonly celery: string;
  /** A message in Redis: the queue that it was pushed to, and what was pushed. */
  readonly queue?: string;
  readonly envelope?: string;
  /** A record, as Redis has it. */
  readonly result?: string;
  /** A message in RabbitMQ. */
  readonly message?: unknown;
  /** What Redis was told. */
  readonly command?: readonly string[];
  /** What RabbitMQ was told. */
  readonly published?: unknown;
}

/** All that was captured, of Celery 5.2.6 and 5.6.3. */
export const CAPTURED: readonly Captured[] = JSON.parse(
  readFileSync(new URL("vectors.json", import.meta.url), "utf8"),
);

/** Returns what was captured under a name. */
export function captured(name: string): Captured {
  const found = CAPTURED.find((one) => one.name === name);
  if (!found) throw new Error(`expected something captured as ${name}`);
  return found;
}

/** Returns the last word of a command: what was sent or stored. */
export function capturedText(name: string): string {
  return captured(name).command?.at(-1) ?? "";
}
