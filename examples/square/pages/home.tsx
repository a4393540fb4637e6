import { Hono } from "hono";
import type { Child } from "hono/jsx";

import { readBoard } from "../board.ts";
import type { Env } from "../env.ts";
import { listJobs } from "../jobs.ts";
import { newestJob, newestNote, peopleHere } from "../views/home-texts.ts";
import { BoardIcon, ChatIcon, DeliveriesIcon, JobsIcon } from "../views/icons.tsx";
import { page } from "./page.tsx";

/** The front page. */
export const home: Hono<Env> = new Hono<Env>();

home.get("/", async (context) => {
  const { topics } = await readBoard();
  const { origin } = new URL(context.req.url);
  return page(
    context,
    { title: "The square", script: "home" },
    <>
      <section class="hero" aria-labelledby="hero-title">
        <div class="page-head">
          <h1 id="hero-title">A small town square, live in every window</h1>
          <p>
            People talk in rooms, notes change under everybody’s eyes, and jobs report while they
            run. Open a second browser beside this one, sign in as somebody else, and watch both.
            All of it runs on Tidings, and needs nothing but Node.
          </p>
        </div>
        <figure class="clock">
          <p class="clock-face number" id="clock" role="timer" aria-label="Server time">
            --:--:--
          </p>
          <figcaption class="hint">
            The server’s clock, from the feed <code>/clock</code>
          </figcaption>
        </figure>
      </section>
      <ul class="places">
        <Place
          href="/chat"
          title="Chat"
          icon={<ChatIcon />}
          text="Several rooms over one connection. Who is here, what was said, and a room for staff."
          live={<span id="people">{peopleHere(0)}</span>}
        />
        <Place
          href="/board"
          title="Board"
          icon={<BoardIcon />}
          text="Write, edit and delete notes. Every open tab changes, for one database query."
          live={<span id="note">{newestNote(topics)}</span>}
        />
        <Place
          href="/deliveries"
          title="Deliveries"
          icon={<DeliveriesIcon />}
          text="One feed over polling, long polling, streaming, event source and WebSocket, side by side."
          live={<span>Five deliveries of one URL</span>}
        />
        <Place
          href="/jobs"
          title="Jobs"
          icon={<JobsIcon />}
          text="Long, heavy and failing work in the background. Kill its worker and see it finish."
          live={<span id="job">{newestJob(listJobs())}</span>}
        />
      </ul>
      <section class="door" aria-labelledby="door-title">
        <h2 id="door-title">From a terminal</h2>
        <p class="hint">What the pages follow, anything that speaks HTTP can follow too.</p>
        <pre class="code" tabindex={0}>
          <code>{`curl -N -H 'accept: text/event-stream' ${origin}/clock`}</code>
        </pre>
      </section>
    </>,
  );
});

interface PlaceProps {
  readonly href: string;
  readonly title: string;
  readonly icon: Child;
  readonly text: string;
  readonly live: Child;
}

function Place({ href, title, icon, text, live }: PlaceProps) {
  return (
    <li class="place card">
      <h2>
        {icon}
        <a href={href}>{title}</a>
      </h2>
      <p>{text}</p>
      <p class="place-live">
        <span class="dot dot-open" />
        {live}
      </p>
    </li>
  );
}
