/** About the size of a chat message. */
export const TEXT = "x".repeat(100);

/** What everybody gets, the same bytes from both servers. */
export function toBroadcast(n: number): string {
  return JSON.stringify({ type: "said", n, text: TEXT });
}
