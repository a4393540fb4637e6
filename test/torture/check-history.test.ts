import { expect, test } from "vitest";

import { checkHistory, type Promises, type Violation } from "./check-history.ts";
import type { HistoryEvent } from "./history.ts";

const PROMISES: Promises = {
  leaseMs: 6_000,
  leaseEndsWithConnection: false,
  leavesCopies: false,
  limits: { limited: 1 },
};

const rules = (
  events: readonly HistoryEvent[],
  promises: Partial<Promises> = {},
): readonly Violation["rule"][] =>
  checkHistory(events, { ...PROMISES, ...promises }).map(({ rule }) => rule);

/** A run of task `t`, its lease numbered by `runs`, in the process of the same number. */
function run(
  runs: number,
  [from, to]: readonly [number, number | null],
  more: Partial<Extract<HistoryEvent, { kind: "started" }>> = {},
): HistoryEvent[] {
  const name = `run-${runs}`;
  const started = {
    kind: "started",
    at: from,
    run: name,
    id: "t",
    task: "plain",
    key: null,
  } as const;
  const start: HistoryEvent = { ...started, attempt: 0, runs, pid: runs, ...more };
  return to === null ? [start] : [start, { kind: "ended", at: to, run: more.run ?? name }];
}

const accepted: HistoryEvent = { kind: "accepted", at: 0, id: "t", task: "plain" };
const outcome = (runs: number): HistoryEvent => ({
  kind: "outcome",
  at: 99_000,
  id: "t",
  state: "SUCCESS",
  runs,
  run: `run-${runs}`,
});
const settled = (runs: number, at: number, attempt = 0): HistoryEvent => ({
  kind: "settled",
  at,
  id: "t",
  attempt,
  runs,
  final: false,
  pid: runs,
});
const killed = (pid: number, at: number): HistoryEvent => ({
  kind: "harmed",
  at,
  pid,
  how: "killed",
  until: null,
});

test("a task that ran once and was recorded breaks nothing", () => {
  expect(rules([accepted, ...run(1, [1, 5]), settled(1, 6), outcome(1)])).toEqual([]);
});

test("an accepted task must end", () => {
  expect(rules([accepted])).toEqual(["an accepted task never ended"]);
  const pending: HistoryEvent = {
    ...outcome(1),
    kind: "outcome",
    state: "STARTED",
  } as HistoryEvent;
  expect(rules([accepted, pending])).toEqual(["an accepted task never ended"]);
});

test("an attempt is settled once, each of several attempts may be", () => {
  const twice = [...run(1, [1, 5]), ...run(2, [6, 7]), settled(1, 6), settled(2, 8)];
  expect(rules(twice)).toEqual(["an attempt was completed twice"]);
  const retried = [...run(1, [1, 5]), ...run(2, [6, 7], { attempt: 1 })];
  expect(rules([...retried, settled(1, 6), settled(2, 8, 1)])).toEqual([]);
  // The next attempt may have failed before it could start, under a lease of the same number.
  expect(rules([...run(1, [1, 5]), settled(1, 6), settled(1, 8, 1)])).toEqual([]);
});

test("the record of a success names a run that ended under its lease", () => {
  expect(rules([...run(1, [1, 5]), { ...outcome(1), runs: 2 } as HistoryEvent])).toEqual([
    "the record is of another run",
  ]);
  expect(rules([...run(1, [1, null]), outcome(1)])).toEqual(["the record is of another run"]);
  expect(rules([outcome(1)])).toEqual(["the record is of another run"]);
});

test("a run may not start beside one whose worker is well", () => {
  const both = [...run(1, [1_000, 9_000]), ...run(2, [8_000, 8_500])];
  expect(rules(both)).toEqual(["a run started while an older lease held"]);
  expect(rules([...both, killed(7, 2_000)])).toEqual(["a run started while an older lease held"]);
});

test("a run may start when the older one's worker was killed, as soon as its lease can have ended", () => {
  const both = [...run(1, [1_000, null]), ...run(2, [8_000, 8_500])];
  expect(rules([...both, killed(1, 2_000)])).toEqual([]);
  expect(rules([...both, killed(1, 7_000)])).toEqual(["a run started while an older lease held"]);
  expect(rules([...both, killed(1, 7_000)], { leaseEndsWithConnection: true })).toEqual([]);
});

test("a run may start when nobody could reach the broker for long", () => {
  const both = [...run(1, [1_000, 9_000]), ...run(2, [8_000, 8_500])];
  expect(rules([...both, { kind: "unreachable", at: 2_000, until: 7_000 }])).toEqual([]);
  expect(rules([...both, { kind: "unreachable", at: 100, until: 900 }])).toEqual([
    "a run started while an older lease held",
  ]);
});

test("where copies of a message may be left, both may run only if something was out of order before", () => {
  const copies = { leavesCopies: true, leaseEndsWithConnection: true };
  const sent: HistoryEvent = { ...accepted, at: 950 };
  const first = [sent, outcome(1), ...run(1, [1_000, 9_000])];
  const both = [...first, ...run(2, [8_000, 8_500]), settled(2, 8_500), settled(1, 9_000)];
  const broken = ["an attempt was completed twice", "a run started while an older lease held"];
  const suspended: HistoryEvent = {
    ...killed(2, 3_000),
    kind: "harmed",
    how: "suspended",
    until: 4_000,
  } as HistoryEvent;
  expect(rules(both, copies)).toEqual(broken);
  // It is no worker.
  expect(rules([...both, killed(7, 3_000)], copies)).toEqual(broken);
  expect(rules([...both, { kind: "unreachable", at: 100, until: 900 }], copies)).toEqual(broken);
  expect(rules([...both, suspended], copies)).toEqual([]);
  expect(rules([...both, suspended])).toEqual(broken);
  expect(rules([...both, killed(2, 8_600)], copies)).toEqual(broken);
  const unreachable: HistoryEvent = { kind: "unreachable", at: 2_000, until: 3_000 };
  expect(rules([...both, unreachable], copies)).toEqual([]);
  // Who left the copies has not run it.
  const passedOn: HistoryEvent = { kind: "unreachable", at: 960, until: 970 };
  expect(rules([...both, passedOn], copies)).toEqual([]);
});

test("copies of one task count as one of its key", () => {
  const copies = { leavesCopies: true, leaseEndsWithConnection: true };
  const limited = { task: "limited", key: "k" };
  const both = [...run(1, [1_000, 9_000], limited), ...run(2, [8_000, 8_500], limited)];
  const suspended: HistoryEvent = {
    ...killed(1, 500),
    kind: "harmed",
    how: "suspended",
    until: 600,
  } as HistoryEvent;
  expect(rules([...both, suspended], copies)).toEqual([]);
  expect(rules([...both, { ...accepted, at: 700 }, outcome(1), suspended], copies)).toEqual([
    "a run started while an older lease held",
    "a limit was exceeded",
  ]);
  const other = run(3, [8_100, 8_200], { ...limited, id: "u" });
  expect(rules([...both, suspended, ...other], copies)).toEqual(["a limit was exceeded"]);
});

test("of two copies one ends the task", () => {
  const copies = { leavesCopies: true, leaseEndsWithConnection: true };
  const ending = (runs: number, at: number): HistoryEvent =>
    ({ ...settled(runs, at), final: true }) as HistoryEvent;
  const both = [...run(1, [1_000, 9_000]), ...run(2, [8_000, 8_500]), killed(1, 2_000)];
  expect(rules([...both, ending(2, 8_500), settled(1, 9_000)], copies)).toEqual([]);
  expect(rules([...both, ending(2, 8_500), ending(1, 9_000)], copies)).toEqual([
    "an attempt was completed twice",
  ]);
  const inOne = [...both, ending(2, 8_500), { ...ending(1, 9_000), pid: 2 } as HistoryEvent];
  expect(rules(inOne, copies)).toEqual([]);
});

test("no more runs of a key than its limit", () => {
  const limited = { task: "limited", key: "k" };
  const other = { ...limited, id: "u" };
  const crowd = [...run(1, [1, 9], limited), ...run(2, [5, 6], other)];
  expect(rules(crowd)).toEqual(["a limit was exceeded"]);
  expect(rules([...crowd, killed(1, 3)])).toEqual([]);
  expect(rules([...run(1, [1, 9], limited), ...run(2, [5, 6], { ...other, key: "j" })])).toEqual(
    [],
  );
  expect(rules([...run(1, [1, 4], limited), ...run(2, [5, 6], other)])).toEqual([]);
});
