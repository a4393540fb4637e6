import type { Random } from "../random.ts";

/** Where tasks wait while they are tortured: a broker, and what can happen to it. */
export interface Place extends AsyncDisposable {
  readonly name: string;
  /** What workers and producers are given, perhaps by way of a proxy. */
  readonly broker: string;
  readonly results: string;
  /** What the final look at the records is given: nothing stands in between. */
  readonly directBroker: string;
  readonly directResults: string;
  /** See `Promises.leaseEndsWithConnection`. */
  readonly leaseEndsWithConnection: boolean;
  /** See `Promises.leavesCopies`. */
  readonly leavesCopies: boolean;
  /** What can happen to the broker. */
  readonly faults: readonly PlaceFault[];
}

/** Something that happens to a broker. Nobody can be sure to reach it until the promise resolves. */
export interface PlaceFault {
  readonly name: string;
  readonly run: (random: Random) => Promise<void>;
}
