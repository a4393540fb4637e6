import type { EncodedMessage } from "../message/message.ts";
import type { TaskError } from "../results/task-record.ts";

/**
 * Why a message is a dead letter.
 *
 * - `unreadable`: it could not be decoded.
 * - `unregistered`: no worker of its queue knows the task.
 * - `poisoned`: its worker died again and again.
 * - `rejected`: the task rejected it, and keeps what it rejects.
 * - `failed`: the task failed for good, and keeps what fails.
 */
export const DEAD_LETTER_REASONS = [
  "unreadable",
  "unregistered",
  "poisoned",
  "rejected",
  "failed",
] as const;

/** One of {@link DEAD_LETTER_REASONS}. */
export type DeadLetterReason = (typeof DEAD_LETTER_REASONS)[number];

/** What becomes of the messages of a task. */
export interface DeadLetterOptions {
  /** Whether its messages become dead letters when it has failed for good, or rejects them. @default false */
  readonly deadLetter?: boolean | undefined;
}

/** What a worker says of a message that it gives up. */
export interface Death {
  /** The name of the task; `null` where the message does not tell. */
  readonly task: string | null;
  readonly reason: DeadLetterReason;
  readonly error: TaskError;
  /** When, in milliseconds since 1970. */
  readonly diedAt: number;
}

/** A message that was given up, kept whole. */
export interface DeadLetter extends Death {
  /** Of its task. */
  readonly id: string;
  /** The queue that it was taken from. */
  readonly queue: string;
  /** How often it was taken. */
  readonly runs: number;
  /** How often its worker died. */
  readonly lostLeases: number;
  readonly message: EncodedMessage;
}

/** Reads a reason that was stored; one that is not known came from a later version. */
export function toReason(value: unknown): DeadLetterReason {
  return DEAD_LETTER_REASONS.find((reason) => reason === value) ?? "failed";
}
