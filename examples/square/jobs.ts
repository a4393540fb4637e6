import { randomUUID } from "node:crypto";

import { feed, refresh, type TaskRecord } from "tidings";
import { z } from "zod";

import { app } from "./app.ts";
import { database } from "./database.ts";
import { JOB_KINDS } from "./job-kinds.ts";
import { countPrimes, deliverLetter, printPaper } from "./tasks.ts";
import type { User } from "./users.ts";

const Job = z.object({
  id: z.string(),
  kind: z.enum(JOB_KINDS),
  user: z.string(),
  userId: z.number(),
  at: z.number(),
});

/** Who started what, and when. How it goes is in its task's record. */
export type Job = Readonly<z.infer<typeof Job>>;

const tasks = { paper: printPaper, primes: countPrimes, letter: deliverLetter };

const COLUMNS = "jobs.id, kind, name AS user, user_id AS userId, at";
const insert = database.prepare("INSERT INTO jobs (id, kind, user_id, at) VALUES (?, ?, ?, ?)");
const newest = database.prepare(
  `SELECT ${COLUMNS} FROM jobs JOIN users ON users.id = user_id ORDER BY at DESC, jobs.rowid DESC LIMIT 20`,
);
const one = database.prepare(
  `SELECT ${COLUMNS} FROM jobs JOIN users ON users.id = user_id WHERE jobs.id = ?`,
);

/** Returns everybody's newest twenty jobs, newest first. */
export function listJobs(): readonly Job[] {
  return z.array(Job).parse(newest.all());
}

export function findJob(id: string): Job | null {
  const row = one.get(id);
  return row ? Job.parse(row) : null;
}

/** Puts a job on the list, and in the queue. */
export async function startJob(kind: Job["kind"], user: User): Promise<string> {
  const id = randomUUID();
  insert.run(id, kind, user.id, Date.now());
  await tasks[kind].applyAsync([], { taskId: id });
  await app.layer.groupSend("jobs", { type: "jobs.changed" });
  return id;
}

/** Whether somebody may cancel a job: who started it may, and staff. */
export function mayCancel(job: Job, user: User | null): boolean {
  return user !== null && (user.staff || user.id === job.userId);
}

/** A job with its task's record, for a page. */
export interface JobWithRecord extends Job {
  readonly record: TaskRecord;
}

export async function readJobs(): Promise<readonly JobWithRecord[]> {
  return Promise.all(
    listJobs().map(async (job) => ({ ...job, record: await app.results.get(job.id) })),
  );
}

/** Which jobs there are. How each one goes is a feed of its own: `taskFeed`. */
export const jobs = feed({
  path: "/jobs/list",
  group: "jobs",
  snapshot: listJobs,
  on: { "jobs.changed": refresh() },
});
