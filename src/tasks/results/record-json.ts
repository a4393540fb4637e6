import { readTypedJson, writeTypedJson } from "../message/typed-json.ts";
import { pendingRecord, type TaskRecord } from "./task-record.ts";

/** Writes a record as stores of our own keep it: JSON, with typed values for what that cannot carry. */
export function writeRecordJson(record: TaskRecord): string {
  return writeTypedJson(record, "the record");
}

/** Reads it; what cannot be read is a failure that says so. */
export function readRecordJson(id: string, text: string, revision: number): TaskRecord {
  const record = parse(text);
  // Fields that are younger than the record are as in any record.
  if (record?.id === id) return { ...pendingRecord(id), ...record, revision };
  const error = { type: "MESSAGE_INVALID", message: "the stored record cannot be read" };
  return { ...pendingRecord(id), state: "FAILURE", error, finishedAt: 0, revision };
}

/** We wrote it, unless somebody else changed the file. */
function parse(text: string): TaskRecord | null {
  try {
    const record = readTypedJson(text);
    return isRecordLike(record) ? record : null;
  } catch {
    // Reported by the caller as a record that cannot be read.
    return null;
  }
}

function isRecordLike(value: unknown): value is TaskRecord {
  return (
    typeof value === "object" &&
    value !== null &&
    "id" in value &&
    "state" in value &&
    "logs" in value
  );
}
