import { JOB_TEXTS, type JobKind } from "../job-kinds.ts";

/** The one-line states of the front page's cards, written once for server and browser. */
export function peopleHere(count: number): string {
  if (count === 0) return "Nobody is in the chat";
  return count === 1 ? "1 person in the chat" : `${count} people in the chat`;
}

export function newestNote(
  topics: readonly { readonly text: string; readonly author: string }[],
): string {
  const [newest] = topics;
  if (!newest) return "No notes yet";
  const text = newest.text.length > 40 ? `${newest.text.slice(0, 39)}…` : newest.text;
  return `${topics.length === 1 ? "1 note" : `${topics.length} notes`}, newest by ${newest.author}: “${text}”`;
}

export function newestJob(
  jobs: readonly { readonly kind: JobKind; readonly user: string }[],
): string {
  const [newest] = jobs;
  return newest ? `Newest: ${JOB_TEXTS[newest.kind].title}, by ${newest.user}` : "No jobs yet";
}
