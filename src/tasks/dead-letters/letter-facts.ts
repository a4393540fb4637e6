import { isRecord } from "../../core/is-record.ts";
import { toReason, type DeadLetter } from "./dead-letter.ts";

/** What is kept of a dead letter beside its message. */
export type LetterFacts = Omit<DeadLetter, "id" | "queue" | "message">;

/** Reads facts that were kept as JSON. */
export function toFacts(fields: Readonly<Record<string, unknown>>): LetterFacts {
  const { task, reason, error, diedAt, runs, lostLeases } = fields;
  const { type, message } = isRecord(error) ? error : {};
  return {
    task: typeof task === "string" ? task : null,
    reason: toReason(reason),
    error: { type: String(type), message: String(message) },
    diedAt: Number(diedAt),
    runs: Number(runs),
    lostLeases: Number(lostLeases),
  };
}

/** Reads the line of JSON that they are in: we wrote it, unless somebody else changed it. */
export function parseFields(line: string): Readonly<Record<string, unknown>> {
  try {
    const fields: unknown = JSON.parse(line);
    return isRecord(fields) ? fields : {};
  } catch {
    return {};
  }
}
