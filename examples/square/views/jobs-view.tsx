import type { TaskRecord } from "tidings";

import { JOB_TEXTS } from "../job-kinds.ts";
import type { JobWithRecord } from "../jobs.ts";
import { AgoTime } from "./ago-time.tsx";
import { jobState } from "./job-state.ts";

/** Everything that the list of jobs shows. */
export interface JobsState {
  readonly jobs: readonly JobWithRecord[];
  readonly me: { readonly id: number; readonly staff: boolean } | null;
  readonly now: number;
}

/** The list of jobs, newest first. */
export function JobsView({ state }: { readonly state: JobsState }) {
  if (state.jobs.length === 0) {
    return <p class="empty">No jobs yet. Start one above, and watch it from two windows.</p>;
  }
  return (
    <ul class="jobs">
      {state.jobs.map((job) => (
        <JobCard key={job.id} job={job} state={state} />
      ))}
    </ul>
  );
}

function JobCard({ job, state }: { readonly job: JobWithRecord; readonly state: JobsState }) {
  const { record } = job;
  const { word, tone, isOver } = jobState(record, state.now);
  const mayCancel = state.me !== null && (state.me.staff || state.me.id === job.userId);
  return (
    <li class="job card" id={`job-${job.id}`} data-state={record.state}>
      <header class="job-head">
        <h3>{JOB_TEXTS[job.kind].title}</h3>
        <span class={`tag tag-${tone}`}>{word}</span>
        <p class="hint">
          started by {job.user} <AgoTime at={job.at} now={state.now} />
        </p>
        {mayCancel && !isOver ? (
          <form method="post" action={`/jobs/${job.id}/cancel`} data-enhance="cancel">
            <button class="button button-quiet button-small" type="submit">
              Cancel
            </button>
          </form>
        ) : null}
      </header>
      <Progress record={record} title={JOB_TEXTS[job.kind].title} isOver={isOver} />
      <Outcome record={record} isOver={isOver} />
      <Log record={record} isOver={isOver} />
    </li>
  );
}

interface PartProps {
  readonly record: TaskRecord;
  readonly isOver: boolean;
}

function Progress({ record, title, isOver }: PartProps & { readonly title: string }) {
  const { progress } = record;
  if (isOver && !progress) return null;
  const percent = progress ? Math.round((100 * progress.done) / progress.total) : 0;
  return (
    <div class="job-progress">
      <progress value={percent} max={100} aria-label={`${title}: progress`} />
      <span class="number">{percent} %</span>
      <span class="job-step">{isOver ? "" : (progress?.message ?? "")}</span>
    </div>
  );
}

function Outcome({ record, isOver }: PartProps) {
  if (record.state === "SUCCESS") return <p class="job-result">{String(record.result)}</p>;
  if (record.error && record.state !== "REVOKED") {
    return (
      <p class={isOver ? "job-error job-error-final" : "job-error"}>
        Attempt {record.retries + (isOver ? 1 : 0)} failed: {record.error.message}
      </p>
    );
  }
  if (record.runs > record.retries + 1) {
    return <p class="job-error">Its worker died, so another one has started it again.</p>;
  }
  return null;
}

function Log({ record, isOver }: PartProps) {
  if (record.logs.length === 0) return null;
  return (
    <details class="job-log" open={!isOver}>
      <summary>
        Log
        {record.worker ? (
          <span class="hint number">
            {" "}
            worker <code>{record.worker.pid}</code>
          </span>
        ) : null}
      </summary>
      <ol>
        {record.logs.map((line, index) => (
          <li key={index}>{line.text}</li>
        ))}
      </ol>
    </details>
  );
}
