/** Something that one of the processes saw. `at` is in milliseconds of the machine's monotonic clock. */
export type HistoryEvent =
  /** A producer's send was answered: the broker has the task. `key` is what its limit counts by. */
  | (At & { readonly kind: "accepted"; readonly id: string; readonly task: string })
  | (At & RunStarted)
  /** The function of a run has ended, whatever it returned. */
  | (At & { readonly kind: "ended"; readonly run: string })
  /** A worker recorded the outcome of a run, and was not refused. */
  | (At & {
      readonly kind: "settled";
      readonly id: string;
      /** How often the task had been retried. */
      readonly attempt: number;
      /** The number of the lease. */
      readonly runs: number;
      /** Whether that ended the task; it is tried again otherwise. */
      readonly final: boolean;
      readonly pid: number;
    })
  /** A process was harmed: it is gone, or does nothing from `at` to `until`. */
  | (At & {
      readonly kind: "harmed";
      readonly pid: number;
      readonly how: "killed" | "suspended" | "stalled";
      readonly until: number | null;
    })
  /** Nobody could reach the broker from `at` to `until`. */
  | (At & { readonly kind: "unreachable"; readonly until: number })
  /** What the record says in the end; the state is PENDING when there is none. */
  | (At & {
      readonly kind: "outcome";
      readonly id: string;
      readonly state: string;
      readonly runs: number;
      /** What the run that succeeded called itself. */
      readonly run: string | null;
    });

interface At {
  readonly at: number;
}

/** A function began. */
export interface RunStarted {
  readonly kind: "started";
  /** Unique to this run. */
  readonly run: string;
  readonly id: string;
  readonly task: string;
  readonly key: string | null;
  /** How often the task had been retried. */
  readonly attempt: number;
  /** The number of the lease. */
  readonly runs: number;
  readonly pid: number;
}

/** The machine's monotonic clock: the same in all processes, and nobody sets it. */
export function now(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000;
}
