import type { Control } from "../tasks/index.ts";
import { printTable } from "./print-table.ts";

/** A worker that answered, as far as it told of itself. */
export interface ListedWorker {
  readonly name: string;
  /** How many tasks run. */
  readonly running: number | null;
  /** How many can run at the same time. */
  readonly concurrency: number | null;
  /** How many it has run. */
  readonly done: number | null;
  readonly uptimeSeconds: number | null;
  readonly queues: readonly string[];
  readonly tasks: readonly string[];
}

/** Asks all workers, ours and Python's, who they are. */
export async function listWorkers(
  control: Control,
  timeoutSeconds: number,
): Promise<readonly ListedWorker[]> {
  const ask = (method: string): Promise<ReadonlyMap<string, unknown>> =>
    control.ask(method, { timeoutMs: timeoutSeconds * 1_000 });
  const [pings, stats, active, queues, tasks] = await Promise.all(
    ["ping", "stats", "active", "active_queues", "registered"].map(ask),
  );
  const names = [...(pings?.keys() ?? [])].toSorted();
  return names.map((name) => ({
    name,
    running: toList(active?.get(name))?.length ?? null,
    concurrency: toNumber(fieldOf(fieldOf(stats?.get(name), "pool"), "max-concurrency")),
    done: toTotal(fieldOf(stats?.get(name), "total")),
    uptimeSeconds: toNumber(fieldOf(stats?.get(name), "uptime")),
    queues: toTexts(toList(queues?.get(name))?.map((queue) => fieldOf(queue, "name"))),
    tasks: toTexts(toList(tasks?.get(name))),
  }));
}

/** Prints workers; what one did not tell is a dash. */
export async function printWorkers(workers: readonly ListedWorker[]): Promise<void> {
  await printTable(
    ["WORKER", "RUNNING", "OF", "DONE", "UPTIME", "QUEUES"],
    workers.map(({ name, running, concurrency, done, uptimeSeconds, queues }) => [
      name,
      toCell(running),
      toCell(concurrency),
      toCell(done),
      uptimeSeconds === null ? "-" : toDuration(uptimeSeconds),
      queues.join(", "),
    ]),
    { whole: ["WORKER"] },
  );
}

function toCell(count: number | null): string {
  return count === null ? "-" : String(count);
}

/** The two largest units. */
function toDuration(seconds: number): string {
  const units: readonly (readonly [string, number])[] = [
    ["d", 86_400],
    ["h", 3_600],
    ["m", 60],
    ["s", 1],
  ];
  const first = units.findIndex(([, size]) => seconds >= size);
  if (first === -1) return "0s";
  let rest = Math.floor(seconds);
  const parts = units.slice(first, first + 2).map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest %= size;
    return count === 0 ? "" : `${count}${unit}`;
  });
  return parts.join("");
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.getOwnPropertyDescriptor(value, name)?.value;
}

function toList(value: unknown): readonly unknown[] | undefined {
  return Array.isArray(value) ? value : undefined;
}

function toTexts(values: readonly unknown[] = []): readonly string[] {
  return values.filter((value) => typeof value === "string");
}

function toNumber(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function toTotal(counts: unknown): number | null {
  if (typeof counts !== "object" || counts === null) return null;
  return Object.values(counts).reduce<number>((total, count) => total + Number(count), 0);
}
