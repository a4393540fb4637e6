import type { Board, topics } from "../../board.ts";
import { BoardView } from "../../views/board-view.tsx";
import { followFeed } from "../follow-feed.ts";
import { byId, mount } from "../mount.tsx";
import { enhanceForms, sendForm } from "../send-form.ts";
import { whileVisible } from "../while-visible.ts";

const view = mount(BoardView);
const FRESH_MS = 2_500;

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
  const isGone = editing !== null && !board.topics.some(({ id }) => id === editing);
  view.set({
    board,
    now: Date.now(),
    fresh: fresh.map(({ id }) => id),
    editing: isGone ? null : editing,
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
  const problem = await sendForm(form);
  switch (action) {
    case "write":
      showProblem(form, problem);
      if (problem === null) form.reset();
      return;
    case "change":
      view.set({ problem, editing: problem === null ? null : view.state.editing });
      return;
    default:
      if (problem !== null) announce(problem);
  }
});

/** The form for new notes is not part of the view, so that nothing typed into it is ever lost. */
function showProblem(form: HTMLFormElement, problem: string | null): void {
  form.querySelector(".problem")?.remove();
  if (problem === null) return;
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
  view.set({ editing: edit === undefined ? null : Number(edit), problem: null });
  requestAnimationFrame(() => document.getElementById(`text-${edit}`)?.focus());
});
