import type { TaskRecord } from "../results/task-record.ts";
import type { RecordWrite, TaskRedis } from "./task-redis.ts";

/** The part of a result store that a broker in the same Redis settles with. */
export interface RecordWriter {
  readonly place: TaskRedis;
  toWrite(record: TaskRecord): RecordWrite;
  /** Tells this process's listeners that a record was stored, with which revision. */
  announce(record: RecordWrite, revision: number): void;
}
