import type { TaskRecord } from "tidings";

/** A job's state in words that a person understands. */
export interface JobState {
  readonly word: string;
  readonly tone: "plain" | "accent" | "amber" | "danger";
  readonly isOver: boolean;
}

/** Says how a job is doing at a moment. */
export function jobState(record: TaskRecord, now: number): JobState {
  switch (record.state) {
    case "SUCCESS":
      return { word: "done", tone: "accent", isOver: true };
    case "FAILURE":
      return { word: "failed", tone: "danger", isOver: true };
    case "REVOKED":
      return { word: "cancelled", tone: "plain", isOver: true };
    case "RETRY":
      return { word: retryWord(record, now), tone: "amber", isOver: false };
    case "STARTED":
      // A retry is a run of its own; what is more than that was begun by a worker that died.
      return record.runs > record.retries + 1
        ? { word: "running again", tone: "amber", isOver: false }
        : { word: "running", tone: "accent", isOver: false };
    default:
      return { word: "queued", tone: "plain", isOver: false };
  }
}

function retryWord({ retryAt }: TaskRecord, now: number): string {
  const seconds = retryAt === null ? 0 : Math.ceil((retryAt - now) / 1000);
  return seconds > 0 ? `retrying in ${seconds} s` : "retrying";
}
