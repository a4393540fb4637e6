import { Hono, type Context } from "hono";
import { z } from "zod";

import { app } from "../app.ts";
import type { Env } from "../env.ts";
import { JOB_KINDS, JOB_TEXTS } from "../job-kinds.ts";
import { findJob, mayCancel, readJobs, startJob } from "../jobs.ts";
import { JobsView } from "../views/jobs-view.tsx";
import { messagePage, wantsJson } from "./message-page.tsx";
import { page } from "./page.tsx";
import { readFields } from "./read-fields.ts";

/** The page of the jobs: start, watch, cancel. */
export const jobsPage: Hono<Env> = new Hono<Env>();

const Kind = z.enum(JOB_KINDS);

jobsPage.get("/jobs", async (context) => {
  const { user } = context.var;
  const me = user && { id: user.id, staff: user.staff };
  const state = { jobs: await readJobs(), me, now: Date.now() };
  return page(
    context,
    { title: "Jobs", script: "jobs", state },
    <>
      <div class="page-head">
        <h1>Jobs</h1>
        <p>
          Work that outlives the page. It runs in a worker process; its record is in a database, and
          every window that follows it sees the same. Reload as you like.
        </p>
      </div>
      {user ? null : (
        <div class="invite">
          <p>You may watch as a guest.</p>
          <a class="button" href="/sign-in?next=/jobs">
            Sign in to start jobs
          </a>
        </div>
      )}
      <ul class="kinds">
        {JOB_KINDS.map((kind) => (
          <li class="kind card">
            <h2>{JOB_TEXTS[kind].title}</h2>
            <p class="hint">{JOB_TEXTS[kind].about}</p>
            <form method="post" action="/jobs" data-enhance="start">
              <input type="hidden" name="kind" value={kind} />
              <button
                class="button"
                type="submit"
                disabled={!user}
                aria-label={`Start: ${JOB_TEXTS[kind].title}`}
              >
                Start
              </button>
            </form>
          </li>
        ))}
      </ul>
      <section aria-labelledby="list-title">
        <h2 id="list-title" class="list-title">
          The newest twenty
        </h2>
        <noscript>
          <p class="hint">Without JavaScript this list is as old as the page: load it again.</p>
        </noscript>
        <div id="live">
          <JobsView state={state} />
        </div>
      </section>
      <p class="hint kill">
        Do not take our word for it: <code>kill -9</code> the worker whose number a running job
        shows. A new one starts at once, and within fifteen seconds the job is “running again”.
      </p>
      <p class="visually-hidden" role="status" id="announce" />
    </>,
  );
});

jobsPage.post("/jobs", async (context) => {
  const { user } = context.var;
  if (!user) return signInFirst(context);
  const kind = Kind.safeParse((await readFields(context))("kind"));
  if (!kind.success) {
    return messagePage(context, {
      status: 422,
      title: "No such job",
      text: `There are ${JOB_KINDS.join(", ")}.`,
    });
  }
  await startJob(kind.data, user);
  return done(context);
});

jobsPage.post("/jobs/:id/cancel", async (context) => {
  const { user } = context.var;
  if (!user) return signInFirst(context);
  const job = findJob(context.req.param("id"));
  if (!job) {
    return messagePage(context, {
      status: 404,
      title: "No such job",
      text: "Nobody has started a job with this number.",
    });
  }
  if (!mayCancel(job, user)) {
    return messagePage(context, {
      status: 403,
      title: "This job is not yours",
      text: `Only ${job.user} and staff may cancel it.`,
    });
  }
  await app.cancel(job.id);
  return done(context);
});

function done(context: Context<Env>): Response {
  return wantsJson(context) ? context.json({ ok: true }) : context.redirect("/jobs", 303);
}

function signInFirst(context: Context<Env>): Response | Promise<Response> {
  if (!wantsJson(context)) return context.redirect("/sign-in?next=/jobs", 303);
  return context.json({ error: { code: "SIGN_IN", message: "Sign in first." } }, 401);
}
