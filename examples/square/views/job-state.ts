import type { TaskRecord } from "tidings";

/** A job's state in words that a person understands. */
export interface JobState {
  readonly word: string;
  readonly tone: "plain" | "accent" | "amber" | "danger";
  readonly isOver: boolean;
}

/** Says how a job is doing. */
export function jobState(record: TaskRecord): JobState {
  switch (record.state) {
    case "SUCCESS":
      return { word: "done", tone: "accent", isOver: true };
    case "FAILURE":
      return { word: "failed", tone: "danger", isOver: true };
    case "REVOKED":
      return { word: "cancelled", tone: "plain", isOver: true };
    case "RETRY":
      return { word: "waiting to try again", tone: "amber", isOver: false };
    case "STARTED":
      // A retry is a run of its own; what is more than that was begun by a worker that died.
      return record.runs > record.retries + 1
        ? { word: "running again", tone: "amber", isOver: false }
        : { word: "running", tone: "accent", isOver: false };
    default:
      return { word: "queued", tone: "plain", isOver: false };
  }
}
