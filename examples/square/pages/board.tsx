import { Hono, type Context } from "hono";

import { readBoard, topicDeleted, topicSaved } from "../board.ts";
import type { Env } from "../env.ts";
import { addTopic, changeTopic, deleteTopic, findTopic, MAX_NOTE, mayChange } from "../topics.ts";
import type { Topic } from "../topics.ts";
import { BoardView, NoteForm } from "../views/board-view.tsx";
import { messagePage, wantsJson } from "./message-page.tsx";
import { page } from "./page.tsx";
import { readFields } from "./read-fields.ts";

/** The board: plain forms, which a script may send as well. */
export const board: Hono<Env> = new Hono<Env>();

board.get("/board", (context) => boardPage(context));

board.post("/board", async (context) => {
  const { user } = context.var;
  if (!user) return signInFirst(context);
  const { text, problem } = await readNote(context);
  if (problem !== null)
    return refused(context, () => boardPage(context, { text, problem }), problem);
  await topicSaved.send(addTopic(user, text));
  return done(context);
});

board.get("/board/:id{[0-9]+}/edit", (context) => {
  const found = ownTopic(context);
  return found instanceof Promise || found instanceof Response ? found : editPage(context, found);
});

board.post("/board/:id{[0-9]+}", async (context) => {
  const found = ownTopic(context);
  if (found instanceof Promise || found instanceof Response) return found;
  const { text, savedAt, problem } = await readNote(context);
  const read = { ...found, savedAt };
  if (problem !== null) {
    return refused(context, () => editPage(context, { ...read, text }, { problem }), problem);
  }
  const changed = changeTopic(read, text);
  if (!changed) return conflict(context, text);
  await topicSaved.send(changed);
  return done(context);
});

board.post("/board/:id{[0-9]+}/delete", async (context) => {
  const found = ownTopic(context);
  if (found instanceof Promise || found instanceof Response) return found;
  deleteTopic(found);
  await topicDeleted.send(found);
  return done(context);
});

interface Draft {
  readonly text: string;
  /** Which version of a note the form was filled in for; meaningless for a new note. */
  readonly savedAt: number;
  readonly problem: string | null;
}

async function boardPage(
  context: Context<Env>,
  draft?: Pick<Draft, "text" | "problem">,
): Promise<Response> {
  const { user } = context.var;
  const state = {
    board: await readBoard(),
    me: user && { id: user.id, staff: user.staff },
    now: Date.now(),
    editing: null,
    problem: null,
    current: null,
    fresh: [],
  };
  return page(
    context,
    { title: "Board", script: "board", state, status: draft ? 422 : 200 },
    <>
      <div class="page-head">
        <h1>Board</h1>
        <p>
          Every open tab shows the same notes at the same moment. One change is one database query,
          however many tabs are open; while nothing changes there is none.
        </p>
      </div>
      <div class="board">
        <section class="board-write" aria-label="Write a note">
          {user ? (
            <div class="card" id="write">
              <NoteForm text={draft?.text} problem={draft?.problem ?? null} />
            </div>
          ) : (
            <InviteToWrite />
          )}
        </section>
        <section class="board-notes" aria-label="Notes" id="live">
          <BoardView state={state} />
        </section>
      </div>
      <p class="visually-hidden" role="status" id="announce" />
    </>,
  );
}

function InviteToWrite() {
  return (
    <div class="invite">
      <p>You are reading as a guest.</p>
      <a class="button" href="/sign-in?next=/board">
        Sign in to write
      </a>
    </div>
  );
}

interface EditTrouble {
  readonly problem: string;
  /** What the note says by now, if not what its form was filled in for. */
  readonly current?: string | undefined;
  /** @default 422 */
  readonly status?: 409 | 422 | undefined;
}

function editPage(context: Context<Env>, topic: Topic, trouble?: EditTrouble): Promise<Response> {
  return page(
    context,
    { title: "Edit a note", status: trouble ? (trouble.status ?? 422) : 200 },
    <div class="narrow">
      <div class="page-head">
        <h1>Edit a note</h1>
      </div>
      <div class="card">
        <NoteForm topic={topic} problem={trouble?.problem ?? null} current={trouble?.current} />
      </div>
    </div>,
  );
}

/** The answer to a change of a note that is no longer what was edited: nothing is saved. */
function conflict(context: Context<Env>, text: string): Response | Promise<Response> {
  const topic = ownTopic(context);
  if (topic instanceof Promise || topic instanceof Response) return topic;
  const problem =
    "Your text is not saved: this note was changed while you were editing it. " +
    "Save again to replace what it says now, or cancel to leave it so.";
  if (wantsJson(context)) {
    return context.json({ error: { code: "CONFLICT", message: problem, current: topic } }, 409);
  }
  const trouble = { status: 409, problem, current: topic.text } as const;
  return editPage(context, { ...topic, text }, trouble);
}

/** The note that the path names, or the answer to somebody who may not touch it. */
function ownTopic(context: Context<Env>): Topic | Response | Promise<Response> {
  const { user } = context.var;
  if (!user) return signInFirst(context);
  const topic = findTopic(Number(context.req.param("id")));
  if (!topic) {
    return messagePage(context, {
      status: 404,
      title: "This note is gone",
      text: "Somebody has deleted it. Nothing was changed.",
    });
  }
  if (mayChange(topic, user)) return topic;
  return messagePage(context, {
    status: 403,
    title: "This note is not yours",
    text: `Only ${topic.author} and staff may change it.`,
  });
}

async function readNote(context: Context<Env>): Promise<Draft> {
  const fields = await readFields(context);
  const text = fields("text").trim();
  const savedAt = Number(fields("savedAt"));
  if (text === "") return { text, savedAt, problem: "Write something first." };
  if (text.length > MAX_NOTE) {
    return {
      text,
      savedAt,
      problem: `A note has at most ${MAX_NOTE} characters; this one has ${text.length}.`,
    };
  }
  return { text, savedAt, problem: null };
}

/** A form that was sent by a page goes back to the board; a script gets a plain yes. */
function done(context: Context<Env>): Response {
  return wantsJson(context) ? context.json({ ok: true }) : context.redirect("/board", 303);
}

function refused(
  context: Context<Env>,
  asPage: () => Promise<Response>,
  problem: string,
): Response | Promise<Response> {
  if (!wantsJson(context)) return asPage();
  return context.json({ error: { code: "INVALID", message: problem } }, 422);
}

function signInFirst(context: Context<Env>): Response | Promise<Response> {
  if (!wantsJson(context)) return context.redirect("/sign-in?next=/board", 303);
  return context.json({ error: { code: "SIGN_IN", message: "Sign in first." } }, 401);
}
