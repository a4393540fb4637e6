import type { Board } from "../board.ts";
import type { Topic } from "../topics.ts";
import { AgoTime } from "./ago-time.tsx";
import { Face } from "./face.tsx";

/** Everything that the board shows. */
export interface BoardState {
  readonly board: Board;
  readonly me: { readonly id: number; readonly staff: boolean } | null;
  readonly now: number;
  /** The note that is being edited in place, if any, as it was when that began. */
  readonly editing: Topic | null;
  /** What was wrong with it, and what the note says by now if that is what was wrong. */
  readonly problem: string | null;
  readonly current: string | null;
  /** Notes that have just come or changed, to be marked for a moment. */
  readonly fresh: readonly number[];
}

/** The notes, and where they came from. */
export function BoardView({ state }: { readonly state: BoardState }) {
  const { board } = state;
  return (
    <>
      <ServedFrom board={board} now={state.now} />
      {board.topics.length === 0 ? (
        <p class="empty">The board is empty. Write the first note.</p>
      ) : (
        <ul class="notes">
          {board.topics.map((topic) => (
            <Note key={topic.id} topic={topic} state={state} />
          ))}
        </ul>
      )}
    </>
  );
}

function ServedFrom({ board, now }: { readonly board: Board; readonly now: number }) {
  return (
    <p class="served" id="served">
      <span class={board.servedFrom === "cache" ? "tag tag-accent" : "tag tag-amber"}>
        {board.servedFrom}
      </span>
      <span>
        Served from the {board.servedFrom}, read <AgoTime at={board.loadedAt} now={now} />.
      </span>
      <span>
        <span class="number">{board.queries}</span>{" "}
        {board.queries === 1 ? "database query" : "database queries"} since the server started.
      </span>
    </p>
  );
}

function Note({ topic, state }: { readonly topic: Topic; readonly state: BoardState }) {
  const { me, now } = state;
  const isMine = me !== null && (me.staff || me.id === topic.authorId);
  return (
    <li class={state.fresh.includes(topic.id) ? "note note-fresh" : "note"} id={`note-${topic.id}`}>
      {state.editing?.id === topic.id ? (
        <NoteForm topic={state.editing} problem={state.problem} current={state.current} />
      ) : (
        <p class="note-text">{topic.text}</p>
      )}
      <footer class="note-foot">
        <span class="note-by">
          <Face name={topic.author} />
          {topic.author}
          <AgoTime at={topic.savedAt} now={now} />
        </span>
        {isMine && state.editing?.id !== topic.id ? (
          <span class="note-actions">
            <a
              href={`/board/${topic.id}/edit`}
              data-edit={topic.id}
              aria-label={`Edit note ${topic.id}`}
            >
              Edit
            </a>
            <form method="post" action={`/board/${topic.id}/delete`} data-enhance="delete">
              <button class="link" type="submit" aria-label={`Delete note ${topic.id}`}>
                Delete
              </button>
            </form>
          </span>
        ) : null}
      </footer>
    </li>
  );
}

interface NoteFormProps {
  /** The note to change; without one, the form writes a new note. */
  readonly topic?: Pick<Topic, "id" | "text" | "savedAt"> | undefined;
  readonly text?: string | undefined;
  readonly problem: string | null;
  /** What the note says by now, when somebody has changed it meanwhile. */
  readonly current?: string | null | undefined;
}

/** The form that writes or changes a note: the same with and without JavaScript. */
export function NoteForm({ topic, text = topic?.text ?? "", problem, current }: NoteFormProps) {
  const id = topic ? `text-${topic.id}` : "text";
  return (
    <form
      class="note-form"
      method="post"
      action={topic ? `/board/${topic.id}` : "/board"}
      data-enhance={topic ? "change" : "write"}
    >
      {topic ? <input type="hidden" name="savedAt" value={topic.savedAt} /> : null}
      <div class="field">
        <label for={id}>{topic ? "Your note" : "A new note"}</label>
        <textarea
          class="input"
          id={id}
          name="text"
          rows={3}
          required
          maxlength={500}
          aria-invalid={problem === null ? undefined : "true"}
          aria-describedby={problem === null ? undefined : `${id}-problem`}
        >
          {text}
        </textarea>
        {problem === null ? null : (
          <p class="problem" role="alert" id={`${id}-problem`}>
            {problem}
          </p>
        )}
        {typeof current === "string" ? (
          <figure class="note-current">
            <figcaption>The note says now:</figcaption>
            <blockquote>{current}</blockquote>
          </figure>
        ) : null}
      </div>
      <div class="note-form-actions">
        <button class="button" type="submit">
          {topic ? "Save" : "Pin it to the board"}
        </button>
        {topic ? (
          <a class="button button-quiet" href="/board" data-cancel="true">
            Cancel
          </a>
        ) : null}
      </div>
    </form>
  );
}
