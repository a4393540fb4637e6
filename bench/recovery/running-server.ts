/** A server under test, in its own process. */
export interface RunningServer {
  readonly port: number;
  /** Closes its port at once, and ends its connections as it does before a deploy. */
  stop(): Promise<void>;
}
