import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";

import { toError } from "../../src/core/errors.ts";
import { createTasks, isFinal, type TaskRecord } from "../../src/tasks/index.ts";
import { checkHistory, type Violation } from "./check-history.ts";
import { Crew, type CrewOptions } from "./crew.ts";
import { now, type HistoryEvent } from "./history.ts";
import { Journal, readJournals } from "./journal.ts";
import { startAmqpPlace } from "./places/amqp.ts";
import type { Place } from "./places/place.ts";
import { startRedisPlace } from "./places/redis.ts";
import { startSqlitePlace } from "./places/sqlite.ts";
import { Random } from "./random.ts";
import { LEASE_MS, LIMITED, UNIQUE } from "./settings.ts";
import { torment } from "./torment.ts";
import { watchBroker } from "./watch-broker.ts";

const PLACES: Readonly<Record<string, () => Promise<Place>>> = {
  amqp: startAmqpPlace,
  redis: startRedisPlace,
  sqlite: startSqlitePlace,
};

const USAGE = `Usage: npm run torture -- [--broker <names>] [--minutes <n>] [--seed <n>] [--rate <n>] [--json]

Sends tasks of all kinds to workers while processes are killed and suspended, connections cut, and brokers
restarted; then waits for what was accepted, and checks the history of every run against what is promised.
Exits with 1 when a promise was broken; the journals are then kept.

  --broker <names>   ${Object.keys(PLACES).join(", ")}; several separated by commas (default: all)
  --minutes <n>      how long the faults last (default: 2)
  --seed <n>         which faults and which tasks; a run prints its own (default: by chance)
  --rate <n>         tasks per second (default: 40)
  --json             one object per broker`;

const { values } = parseArgs({
  options: {
    broker: { type: "string", default: Object.keys(PLACES).join(",") },
    minutes: { type: "string", default: "2" },
    seed: { type: "string" },
    rate: { type: "string", default: "40" },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

/** After the last fault, and the last task that ended: long enough for leases, retries, countdowns, and the slowest task. */
const DRAIN_MS = 120_000;
/** However slowly one ends after another. */
const MAX_DRAIN_MS = 600_000;
/** How much is said of troubles, and of broken promises. */
const MAX_LINES = 5;
const WORKERS = 3;
const PRODUCERS = 2;

/** What a run came to. */
interface Report {
  readonly broker: string;
  readonly seed: number;
  readonly accepted: number;
  readonly runs: number;
  readonly faults: Readonly<Record<string, number>>;
  /** What processes said they could not do, and how often. */
  readonly troubles: Readonly<Record<string, number>>;
  readonly violations: readonly Violation[];
  readonly folder: string;
}

if (values.help) console.log(USAGE);
else await main();

async function main(): Promise<void> {
  const names = values.broker.split(",");
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : toNumber("seed", values.seed);
  const minutes = toNumber("minutes", values.minutes);
  toNumber("rate", values.rate);
  const starters = names.map((name) => {
    const starter = PLACES[name];
    if (starter) return starter;
    console.error(`expected --broker to name ${Object.keys(PLACES).join(", ")}, got ${name}`);
    return process.exit(2);
  });
  const results = await Promise.allSettled(
    starters.map(async (start) => {
      await using place = await start();
      return await torture(place, seed, minutes * 60_000);
    }),
  );
  const reports = results.flatMap((result) =>
    result.status === "fulfilled" ? [result.value] : [],
  );
  // What was broken comes last.
  for (const is of [false, true]) {
    for (const report of reports) if (isBroken(report) === is) print(report);
  }
  for (const result of results) {
    if (result.status === "fulfilled") continue;
    console.error("\nit could not be carried out:", result.reason);
  }
  if (reports.length < names.length || reports.some(isBroken)) process.exitCode = 1;
}

function isBroken({ violations }: Report): boolean {
  return violations.length > 0;
}

function toNumber(name: string, text: string): number {
  const value = Number(text);
  if (value > 0) return value;
  console.error(`expected --${name} to be a number above 0, got ${text}`);
  return process.exit(2);
}

async function torture(place: Place, seed: number, tortureMs: number): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), `tidings-torture-${place.name}-`));
  const random = new Random(seed);
  const journal = new Journal(folder, "torment");
  const troubles = new Map<string, number>();
  const common = {
    journal,
    onTrouble: (message: string): void => {
      troubles.set(message, (troubles.get(message) ?? 0) + 1);
    },
  };
  const workers = new Crew({
    ...common,
    main: "worker-main.ts",
    size: WORKERS,
    args: (name) => [place.broker, place.results, folder, name],
  });
  const producers = new Crew({
    ...common,
    main: "producer-main.ts",
    size: PRODUCERS,
    args: (name) => [
      place.broker,
      place.results,
      folder,
      name,
      String(random.between(1, 1_000_000)),
      String(Number(values.rate) / PRODUCERS),
    ],
  });
  const over = new AbortController();
  const watching = watchBroker(place, journal, over.signal);
  try {
    await workers.start();
    await producers.start();
    const until = now() + tortureMs;
    const ticker = setInterval(() => tell(place, folder), 10_000);
    const faults = await torment({ place, workers, producers, journal }, random, until);
    clearInterval(ticker);
    await producers.end();
    await recordOutcomes(place, folder, common);
    const events = readJournals(folder);
    const violations = checkHistory(events, {
      leaseMs: LEASE_MS,
      leaseEndsWithConnection: place.leaseEndsWithConnection,
      leavesCopies: place.leavesCopies,
      limits: Object.fromEntries([LIMITED, UNIQUE].map(({ task, limit }) => [task, limit])),
    });
    return {
      broker: place.name,
      seed,
      accepted: countOf(events, "accepted"),
      runs: countOf(events, "started"),
      faults: { ...Object.fromEntries(faults), "worker stood still": countStalls(events) },
      troubles: Object.fromEntries(troubles),
      violations,
      folder,
    };
  } finally {
    over.abort();
    await producers.end();
    await workers.end();
    await watching;
  }
}

/** Waits until every accepted task has ended, or for so long; writes down what the records say. */
async function recordOutcomes(
  place: Place,
  folder: string,
  { journal, onTrouble }: Pick<CrewOptions, "journal" | "onTrouble">,
): Promise<void> {
  await using tasks = createTasks({ broker: place.directBroker, results: place.directResults });
  const ids = readJournals(folder)
    .filter((event) => event.kind === "accepted")
    .map(({ id }) => id);
  const open = new Set(ids);
  const lastLimit = now() + MAX_DRAIN_MS;
  let limit = now() + DRAIN_MS;
  const last = new Map<string, TaskRecord>();
  while (open.size > 0 && now() < limit) {
    try {
      for (const id of open) {
        const record = await tasks.results.get(id);
        last.set(id, record);
        if (!isFinal(record.state)) continue;
        open.delete(id);
        limit = Math.min(now() + DRAIN_MS, lastLimit);
      }
    } catch (error) {
      // It has just been restarted, or the machine is busy.
      onTrouble(toError(error).message);
    }
    if (open.size > 0) await delay(250);
  }
  for (const [id, { state, runs, result }] of last) {
    const run = typeof result === "string" ? result : null;
    journal.write({ kind: "outcome", id, state, runs, run });
  }
}

function countOf(events: readonly HistoryEvent[], kind: HistoryEvent["kind"]): number {
  return events.filter((event) => event.kind === kind).length;
}

/** What excuses a worker although nobody has tormented it: more than a few, and a quieter machine is wanted. */
function countStalls(events: readonly HistoryEvent[]): number {
  return events.filter((event) => event.kind === "harmed" && event.how === "stalled").length;
}

function tell(place: Place, folder: string): void {
  if (values.json) return;
  const events = readJournals(folder);
  const [accepted, runs] = [countOf(events, "accepted"), countOf(events, "started")];
  const harm = countOf(events, "harmed") + countOf(events, "unreachable");
  console.log(`${place.name.padEnd(8)} accepted ${accepted}, runs ${runs}, faults ${harm}`);
}

/** What a report says in the end is what was broken. */
function print({ folder, ...report }: Report): void {
  const isKept = report.violations.length > 0;
  if (!isKept) rmSync(folder, { recursive: true });
  if (values.json) {
    console.log(JSON.stringify(isKept ? { ...report, folder } : report));
    return;
  }
  const { broker, seed, accepted, runs, faults, troubles, violations } = report;
  console.log(`\n${broker}: seed ${seed}, ${accepted} tasks accepted, ${runs} runs`);
  console.log(`  ${listCounts(faults)}`);
  const commonest = Object.entries(troubles).toSorted(([, one], [, other]) => other - one);
  for (const [message, count] of commonest.slice(0, MAX_LINES)) {
    console.log(`  ${count} x ${message}`);
  }
  if (!isKept) {
    console.log("  every promise was kept");
    return;
  }
  for (const { rule, id, detail } of violations.slice(0, MAX_LINES)) {
    console.log(`  BROKEN ${rule}: ${id}, ${detail}`);
  }
  const rules = Object.groupBy(violations, ({ rule }) => rule);
  const counts = Object.entries(rules).map(([rule, broken]) => [rule, broken.length] as const);
  console.log(`  BROKEN on ${broker}: ${listCounts(Object.fromEntries(counts))}`);
  console.log(`  the journals are in ${folder}; again with --broker ${broker} --seed ${seed}`);
}

function listCounts(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${count} x ${name}`)
    .join(", ");
}
