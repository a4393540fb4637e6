import type { HistoryEvent, RunStarted } from "./history.ts";

/** What the checker must know of the system. */
export interface Promises {
  /** How long a lease holds after it was renewed last. */
  readonly leaseMs: number;
  /** Whether the broker itself ends a lease as soon as it cannot reach the worker. */
  readonly leaseEndsWithConnection: boolean;
  /** Whether who is harmed or cut off may leave two copies of a message, which both run; one of them ends the task. */
  readonly leavesCopies: boolean;
  /** For each limited task, how many of one key may run at the same time. */
  readonly limits: Readonly<Record<string, number>>;
}

/** A promise that was broken, in words, with the id of the task. */
export interface Violation {
  readonly rule:
    | "an accepted task never ended"
    | "an attempt was completed twice"
    | "the record is of another run"
    | "a run started while an older lease held"
    | "a limit was exceeded";
  readonly id: string;
  readonly detail: string;
}

interface Run extends RunStarted {
  readonly startedAt: number;
  /** `Infinity` when it was cut off. */
  readonly endedAt: number;
}

/** From when to when something was out of order. */
interface Disorder {
  readonly from: number;
  readonly until: number;
}

/** What the events say, sorted by what the rules ask. */
interface History {
  readonly events: readonly HistoryEvent[];
  /** When the producer knew of it, for each task. */
  readonly acceptedAt: ReadonlyMap<string, number>;
  readonly runs: readonly Run[];
  readonly harmed: ReadonlyMap<number, readonly Disorder[]>;
  readonly unreachable: readonly Disorder[];
  readonly promises: Promises;
}

/** Returns every promise that the history of a run breaks. */
export function checkHistory(
  events: readonly HistoryEvent[],
  promises: Promises,
): readonly Violation[] {
  const history = toHistory(events, promises);
  return [
    ...findUnended(history),
    ...findCompletedTwice(history),
    ...findForeignRecords(history),
    ...findEarlyStarts(history),
    ...findExceededLimits(history),
  ];
}

function toHistory(events: readonly HistoryEvent[], promises: Promises): History {
  const acceptedAt = new Map<string, number>();
  const ends = new Map<string, number>();
  const harmed = new Map<number, Disorder[]>();
  const unreachable: Disorder[] = [];
  for (const event of events) {
    if (event.kind === "accepted") acceptedAt.set(event.id, event.at);
    if (event.kind === "ended") ends.set(event.run, event.at);
    if (event.kind === "unreachable") unreachable.push({ from: event.at, until: event.until });
    if (event.kind === "harmed") {
      const disorder = { from: event.at, until: event.until ?? Infinity };
      harmed.set(event.pid, [...(harmed.get(event.pid) ?? []), disorder]);
    }
  }
  const runs = events
    .filter((event) => event.kind === "started")
    .map((event) => ({
      ...event,
      startedAt: event.at,
      endedAt: ends.get(event.run) ?? Infinity,
    }));
  return { events, acceptedAt, runs, harmed, unreachable, promises };
}

function findUnended({ events }: History): readonly Violation[] {
  const accepted = events.filter((event) => event.kind === "accepted").map(({ id }) => id);
  const states = new Map(
    events.filter((event) => event.kind === "outcome").map(({ id, state }) => [id, state]),
  );
  return accepted
    .filter((id) => !FINAL.has(states.get(id) ?? "PENDING"))
    .map((id) => ({
      rule: "an accepted task never ended",
      id,
      detail: `its state is ${states.get(id) ?? "PENDING"}`,
    }));
}

const FINAL: ReadonlySet<string> = new Set(["SUCCESS", "FAILURE", "REVOKED"]);

function findCompletedTwice(history: History): readonly Violation[] {
  const seen = new Map<string, Settled>();
  const violations: Violation[] = [];
  for (const event of history.events) {
    if (event.kind !== "settled") continue;
    const { id, attempt, runs } = event;
    const name = `${id} ${attempt}`;
    const earlier = seen.get(name);
    seen.set(name, event);
    if (!earlier) continue;
    const bothRanAt = Math.max(startOf(history, earlier), startOf(history, event));
    if (!areBothEnds(earlier, event) && couldBeCopied(history, id, bothRanAt)) continue;
    const detail = `attempt ${attempt} was settled under lease ${earlier.runs} and under lease ${runs}`;
    violations.push({ rule: "an attempt was completed twice", id, detail });
  }
  return violations;
}

type Settled = Extract<HistoryEvent, { kind: "settled" }>;

/** Of copies one ends the task. Two that one process ends at the same time look like one that it stores again. */
function areBothEnds(one: Settled, other: Settled): boolean {
  return one.final && other.final && one.pid !== other.pid;
}

/** When the run that was settled began; one that failed before it could begin did so just then. */
function startOf(history: History, { id, attempt, runs, pid, at }: Settled): number {
  const own = history.runs.findLast(
    (run) => run.id === id && run.attempt === attempt && run.runs === runs && run.pid === pid,
  );
  return own?.startedAt ?? at;
}

/**
 * Whether a worker or the broker was out of order between the acceptance of a task and a run.
 *
 * Any worker: who passes a message on, because it is early or comes again, does not run it.
 */
function couldBeCopied(
  { acceptedAt, runs, harmed, unreachable, promises }: History,
  id: string,
  until: number,
): boolean {
  if (!promises.leavesCopies) return false;
  // What nobody knows to be accepted may have been for long.
  const from = acceptedAt.get(id) ?? 0;
  const workers = new Set(runs.map(({ pid }) => pid));
  const disorders = [...unreachable, ...[...workers].flatMap((pid) => harmed.get(pid) ?? [])];
  return disorders.some((disorder) => disorder.until >= from && disorder.from <= until);
}

/** The record of a success names the run; it must be one that ran to its end, under the lease that is recorded. */
function findForeignRecords({ events, runs }: History): readonly Violation[] {
  const known = new Map(runs.map((run) => [run.run, run]));
  return events
    .filter((event) => event.kind === "outcome" && event.state === "SUCCESS")
    .flatMap((event) => {
      if (event.kind !== "outcome") return [];
      const run = known.get(event.run ?? "");
      if (run?.id === event.id && run.runs === event.runs && run.endedAt < Infinity) return [];
      const detail = `the record names run ${String(event.run)} under lease ${event.runs}, which ${run ? `was lease ${run.runs}` : "nobody started"}`;
      return [{ rule: "the record is of another run" as const, id: event.id, detail }];
    });
}

/** A later run may start when the earlier one has ended, or when its worker could not keep the lease. */
function findEarlyStarts(history: History): readonly Violation[] {
  const violations: Violation[] = [];
  for (const runs of Map.groupBy(history.runs, ({ id }) => id).values()) {
    for (const [index, earlier] of runs.entries()) {
      const later = runs[index + 1];
      if (!later || earlier.endedAt <= later.startedAt) continue;
      if (couldLoseLease(history, earlier, later.startedAt)) continue;
      if (couldBeCopied(history, later.id, later.startedAt)) continue;
      const detail = `lease ${later.runs} in process ${later.pid} started while lease ${earlier.runs} was running in process ${earlier.pid}, which nothing had harmed`;
      violations.push({
        rule: "a run started while an older lease held",
        id: earlier.id,
        detail,
      });
    }
  }
  return violations;
}

function couldLoseLease(
  { harmed, unreachable, promises }: History,
  { pid, startedAt }: Run,
  at: number,
): boolean {
  const { leaseMs, leaseEndsWithConnection } = promises;
  // A lease is renewed every third of its time: it was fresh for half of it when the harm came.
  const patienceMs = leaseEndsWithConnection ? 0 : leaseMs / 2;
  const disorders = [...(harmed.get(pid) ?? []), ...unreachable];
  return disorders.some(({ from, until }) => until >= startedAt && from + patienceMs <= at);
}

/** Counts runs of each key. One whose worker was cut off counts until then: it may have lost its place. */
function findExceededLimits(history: History): readonly Violation[] {
  const violations: Violation[] = [];
  for (const [task, limit] of Object.entries(history.promises.limits)) {
    const limited = history.runs.filter((run) => run.task === task);
    for (const runs of Map.groupBy(limited, ({ key }) => key).values()) {
      violations.push(...findCrowds(history, runs, limit));
    }
  }
  return violations;
}

function findCrowds(history: History, runs: readonly Run[], limit: number): readonly Violation[] {
  const ends = new Map(runs.map((run) => [run.run, countedUntil(history, run)]));
  return runs.flatMap((run) => {
    const others = runs.filter(
      (other) =>
        other.startedAt <= run.startedAt && (ends.get(other.run) ?? Infinity) > run.startedAt,
    );
    const count = countWithoutCopies(history, others);
    if (count <= limit) return [];
    const detail = `${count} of key ${String(run.key)} ran at the same time, ${limit} may`;
    return [{ rule: "a limit was exceeded" as const, id: run.id, detail }];
  });
}

/** Copies of one task are one: it is that which is limited. */
function countWithoutCopies(history: History, runs: readonly Run[]): number {
  return runs.filter(
    ({ id, startedAt }, index) =>
      runs.findIndex((other) => other.id === id) === index ||
      !couldBeCopied(history, id, startedAt),
  ).length;
}

function countedUntil({ harmed, unreachable }: History, run: Run): number {
  const disorders = [...(harmed.get(run.pid) ?? []), ...unreachable];
  const cut = disorders
    .filter(({ until }) => until >= run.startedAt)
    .map(({ from }) => Math.max(from, run.startedAt));
  return Math.min(run.endedAt, ...cut);
}
