import { followTask } from "tidings/client";

import { JOB_TEXTS } from "../../job-kinds.ts";
import type { Job, jobs, JobWithRecord } from "../../jobs.ts";
import { jobState } from "../../views/job-state.ts";
import { JobsView } from "../../views/jobs-view.tsx";
import { followFeed } from "../follow-feed.ts";
import { byId, mount } from "../mount.tsx";
import { enhanceForms, sendForm } from "../send-form.ts";
import { whileVisible } from "../while-visible.ts";

const view = mount(JobsView);

whileVisible((signal) => {
  /** The jobs that are being followed: each until it is over, by a feed of its own. */
  const followed = new Set<string>();
  const followJob = async (id: string): Promise<void> => {
    followed.add(id);
    for await (const record of followTask(id, { signal })) update(id, record);
  };
  followFeed<typeof jobs>("/jobs/list", signal, (list) => {
    showList(list);
    for (const job of view.state.jobs) {
      if (!isOver(job) && !followed.has(job.id)) followJob(job.id).catch(reportError);
    }
  });
  // Every second, for those that count down to their next attempt.
  const timer = setInterval(() => view.set({ now: Date.now() }), 1_000);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
});

/** Shows which jobs there are; those that are new have no record yet. */
function showList(list: readonly Job[]): void {
  const known = new Map(view.state.jobs.map((job) => [job.id, job.record]));
  view.set({
    jobs: list.map((job) => ({ ...job, record: known.get(job.id) ?? queued(job) })),
    now: Date.now(),
  });
}

function update(id: string, record: JobWithRecord["record"]): void {
  const before = view.state.jobs.find((job) => job.id === id);
  if (!before) return;
  const now = Date.now();
  if (record.state !== before.record.state) {
    byId("announce").textContent = `${JOB_TEXTS[before.kind].title}: ${jobState(record, now).word}`;
  }
  view.set({ jobs: view.state.jobs.map((job) => (job.id === id ? { ...job, record } : job)), now });
}

function isOver({ record }: JobWithRecord): boolean {
  return jobState(record, Date.now()).isOver;
}

/** What is known of a job before its first record has arrived. */
function queued(job: Job): JobWithRecord["record"] {
  return {
    id: job.id,
    name: null,
    state: "PENDING",
    queue: null,
    progress: null,
    logs: [],
    result: null,
    error: null,
    retries: 0,
    runs: 0,
    worker: null,
    startedAt: null,
    finishedAt: null,
    retryAt: null,
    custom: null,
    traceback: null,
    parentId: null,
    groupId: null,
    children: [],
    revision: 0,
  };
}

enhanceForms(async (form) => {
  const button = form.querySelector("button");
  if (button) button.disabled = true;
  const refusal = await sendForm(form);
  if (button) button.disabled = false;
  if (refusal) byId("announce").textContent = refusal.message;
});
