/** A numbered message, from 1 on, and when it was sent; what newcomers begin with has the number 0. */
export interface NumberedMessage {
  readonly n: number;
  readonly at: number;
}

/** Those that are compared. */
export type PeerName = "tidings" | "socket.io";

/** The group, and the channel of Redis, of one run. */
export function nameOfRun(run: string): string {
  return `numbers-${run}`;
}
