import type { Board, topics } from "../../board.ts";
import { BoardView, type BoardState } from "../../views/board-view.tsx";
import { followFeed } from "../follow-feed.ts";
import { byId, mount } from "../mount.tsx";
import { enhanceForms, sendForm, type Refusal } from "../send-form.ts";
import { whileVisible } from "../while-visible.ts";

const view = mount(BoardView);
const FRESH_MS = 2_500;
const NOT_EDITING = { editing: null, problem: null, current: null };

whileVisible((signal) => {
  followFeed<typeof topics>("/topics", signal, show);
  const timer = setInterval(() => view.set({ now: Date.now() }), 10_000);
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
});

/** Shows a changed board, and says what has changed. */
function show(board: Board): void {
  const { board: before, editing } = view.state;
  // The same reading of the database again, as after a reconnect: nothing new to show.
  if (board.loadedAt === before.loadedAt) return;
  const known = new Map(before.topics.map((topic) => [topic.id, topic.savedAt]));
  const fresh = board.topics.filter(({ id, savedAt }) => known.get(id) !== savedAt);
  const isGone = editing !== null && !board.topics.some(({ id }) => id === editing.id);
  view.set({
    board,
    now: Date.now(),
    fresh: fresh.map(({ id }) => id),
    ...(isGone ? NOT_EDITING : {}),
  });
  setTimeout(() => view.set({ fresh: [] }), FRESH_MS);
  const [newest] = fresh;
  if (isGone) announce("The note that you were editing was deleted");
  else if (newest) announce(`${newest.author} wrote: ${newest.text}`);
  else if (board.topics.length < before.topics.length) announce("A note was deleted");
}

function announce(text: string): void {
  byId("announce").textContent = text;
}

enhanceForms(async (form, action) => {
  const refusal = await sendForm(form);
  switch (action) {
    case "write":
      showProblem(form, refusal?.message);
      if (!refusal) form.reset();
      return;
    case "change":
      view.set(refusal ? changeRefused(refusal) : NOT_EDITING);
      return;
    default:
      if (refusal) announce(refusal.message);
  }
});

/** Keeps the form open. Who has been shown the note as it is now may replace it by saving again. */
function changeRefused({ message, current }: Refusal): Partial<BoardState> {
  const { editing } = view.state;
  if (!editing || !current) return { problem: message };
  const { savedAt, text } = current;
  return { problem: message, current: text, editing: { ...editing, savedAt } };
}

/** The form for new notes is not part of the view, so that nothing typed into it is ever lost. */
function showProblem(form: HTMLFormElement, problem: string | undefined): void {
  form.querySelector(".problem")?.remove();
  if (problem === undefined) return;
  const message = document.createElement("p");
  message.className = "problem";
  message.role = "alert";
  message.textContent = problem;
  form.querySelector(".field")?.append(message);
}

byId("live").addEventListener("click", (event) => {
  const link = event.target instanceof Element ? event.target.closest("a") : null;
  const { edit, cancel } = link?.dataset ?? {};
  if (edit === undefined && cancel === undefined) return;
  event.preventDefault();
  const editing = view.state.board.topics.find(({ id }) => id === Number(edit)) ?? null;
  view.set({ ...NOT_EDITING, editing });
  requestAnimationFrame(() => document.getElementById(`text-${edit}`)?.focus());
});
