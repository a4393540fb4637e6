import { crc32 } from "node:zlib";

import { isRecord } from "../../core/is-record.ts";
import { parseIsoTime, toIsoTime } from "../message/iso-time.ts";
import { fromPythonError, toPythonError } from "../message/python-error.ts";
import { readTypedJson, writeTypedJson, type TypedJsonOptions } from "../message/typed-json.ts";
import { pendingRecord, type TaskRecord } from "../results/task-record.ts";
import { isFinal, TASK_STATES, type TaskState } from "../states.ts";
import { fromResultTuple, toResultTuple } from "./result-tuple.ts";

/**
 * Writes a record as Celery's result backend does, in the order of its fields, as if it were the first.
 *
 * What Celery has no field for stands in `tidings`, which Python ignores, with the revision as its last
 * field.
 */
export function writeRecord(record: TaskRecord, options: TypedJsonOptions = {}): string {
  const { id, state, result } = record;
  const status = record.custom && state === "STARTED" ? record.custom.state : state;
  const info = state === "SUCCESS" ? result : toInfo(record);
  const others = {
    traceback: record.traceback,
    children: record.children.map(toResultTuple),
    date_done: isFinal(state) ? toIsoTime(record.finishedAt ?? 0) : null,
    group_id: record.groupId ?? undefined,
    parent_id: record.parentId ?? undefined,
    tidings: toOwnFields(record),
    task_id: id,
  };
  // What is ours is plain JSON; looking through it for anything else would take longer than writing it.
  const own = hasOwnResult(record)
    ? writeTypedJson(others, "the record", options)
    : JSON.stringify(others);
  const outcome = writeTypedJson(info, "the record.result", options);
  return `{"status":${JSON.stringify(status)},"result":${outcome},${own.slice(1)}`;
}

/** Returns the text that {@link writeRecord} wrote with another revision. */
export function withRevision(text: string, revision: number): string {
  if (revision === 1) return text;
  const at = text.lastIndexOf(REVISION) + REVISION.length;
  return `${text.slice(0, at)}${revision}${text.slice(at + 1)}`;
}

const REVISION = '"revision":';

/** Reads what a worker of ours or of Python's has written; what cannot be read is a failure. */
export function readRecord(id: string, text: string): TaskRecord {
  return toRecord(id, parse(text), text);
}

/** The same, for what was read already; other text is another revision. */
export function toRecord(id: string, meta: unknown, text = ""): TaskRecord {
  const pending = pendingRecord(id);
  if (!isRecord(meta)) {
    const error = { type: "MESSAGE_INVALID", message: "the stored record cannot be read" };
    return { ...pending, state: "FAILURE", error, finishedAt: 0, revision: 1 };
  }
  const { status, date_done: done, tidings } = meta;
  const state = toState(status);
  const result = state === "SUCCESS" ? (meta["result"] ?? null) : null;
  // We wrote it, unless somebody else writes into our field.
  const known = { ...pending, id, state, result, ...toFamily(meta) };
  if (isRecord(tidings)) return { ...known, ...tidings, id, state };
  const isError = state === "FAILURE" || state === "RETRY" || state === "REVOKED";
  return {
    ...known,
    error: isError ? fromPythonError(meta["result"]) : null,
    finishedAt: isFinal(state) ? toTime(done) : null,
    // Python counts nothing: other text is another revision.
    revision: 1 + crc32(text),
  };
}

/** What Celery's fields say beside the outcome. */
function toFamily(meta: Readonly<Record<string, unknown>>): Partial<TaskRecord> {
  const { status, traceback, children, parent_id: parentId, group_id: groupId } = meta;
  const isCustom = typeof status === "string" && !STATES.has(status);
  return {
    custom: isCustom ? { state: status, meta: meta["result"] ?? null } : null,
    traceback: typeof traceback === "string" ? traceback : null,
    children: Array.isArray(children) ? children.flatMap(fromResultTuple) : [],
    parentId: typeof parentId === "string" ? parentId : null,
    groupId: typeof groupId === "string" ? groupId : null,
  };
}

/** What is not there already, and not as in any record. */
function toOwnFields(record: TaskRecord): object {
  const { logs, retries, runs } = record;
  return {
    name: record.name,
    queue: record.queue,
    progress: record.progress ?? undefined,
    logs: logs.length === 0 ? undefined : logs,
    result: hasOwnResult(record) ? record.result : undefined,
    error: record.error ?? undefined,
    retries: retries === 0 ? undefined : retries,
    worker: record.worker,
    startedAt: record.startedAt,
    finishedAt: record.finishedAt,
    retryAt: record.retryAt ?? undefined,
    runs,
    revision: 1,
  };
}

/** Whether there is a result beside what Celery takes for it. */
function hasOwnResult({ state, result }: TaskRecord): boolean {
  return state !== "SUCCESS" && result !== null;
}

/** "STARTED `{"pid","hostname"}`"; exceptions as Python makes them again. */
function toInfo({ state, error, name, worker, custom }: TaskRecord): unknown {
  if (error) return toPythonError(error, name);
  if (custom && state === "STARTED") return custom.meta;
  return state === "STARTED" && worker ? { pid: worker.pid, hostname: worker.name } : null;
}

const STATES: ReadonlySet<string> = new Set(TASK_STATES);

/** A state that a Python task made up itself is a kind of being started. */
function toState(status: unknown): TaskState {
  return TASK_STATES.find((state) => state === status) ?? "STARTED";
}

function toTime(value: unknown): number {
  const time = typeof value === "string" ? parseIsoTime(value) : Number.NaN;
  return Number.isNaN(time) ? 0 : time;
}

function parse(text: string): unknown {
  try {
    return readTypedJson(text);
  } catch {
    // Whoever asked gets a record that says so.
    return null;
  }
}
