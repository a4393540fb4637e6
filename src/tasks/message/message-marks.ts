import { isRecord } from "../../core/is-record.ts";
import { decodeMessage, isProtocol1 } from "./decode.ts";
import type { EncodedMessage } from "./message.ts";

/** What a broker of ours notes on a message beside what Celery knows of it. */
export interface MessageMarks {
  /** How often it has been taken by one of our workers. */
  readonly runs: number;
  /** How often its worker died. */
  readonly lostLeases: number;
  /** When it becomes due, if not by its `eta`. */
  readonly dueAt: number | null;
}

/** A message that nobody has taken. */
export const UNTAKEN: MessageMarks = { runs: 0, lostLeases: 0, dueAt: null };

/** Writes marks as a JSON object; nothing for a message that nobody has taken. */
export function writeMarks({ runs, lostLeases, dueAt }: MessageMarks): object | undefined {
  if (runs === 0 && dueAt === null) return undefined;
  return { runs, lost: lostLeases, due: dueAt };
}

/** Reads what {@link writeMarks} wrote, and whatever else may be there. */
export function readMarks(field: unknown): MessageMarks {
  if (!isRecord(field)) return UNTAKEN;
  const { runs, lost, due } = field;
  return {
    runs: toCount(runs),
    lostLeases: toCount(lost),
    dueAt: typeof due === "number" && Number.isFinite(due) ? due : null,
  };
}

/** When a message may run: as it is marked, or by its `eta`, which is UTC if it does not say. */
export function dueTimeOf(message: EncodedMessage, { dueAt }: MessageMarks): number | null {
  if (dueAt !== null) return dueAt;
  const { headers } = message;
  if (isProtocol1(headers)) return dueTimeInBody(message);
  const eta = isRecord(headers) ? headers["eta"] : null;
  if (typeof eta !== "string") return null;
  const time = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(eta) ? eta : `${eta}Z`);
  // One that cannot be read is for the worker to refuse.
  return Number.isNaN(time) ? null : time;
}

/** Of a message of protocol 1 everything is in the body. */
function dueTimeInBody(message: EncodedMessage): number | null {
  try {
    return decodeMessage(message).eta;
  } catch {
    // One that cannot be read is for the worker to refuse.
    return null;
  }
}

function toCount(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}
