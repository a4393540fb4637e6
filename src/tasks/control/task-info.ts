import type { RateLimitOptions } from "../limits/limit-options.ts";
import { pythonRepr } from "../message/python-repr.ts";
import type { TaskDefinition } from "../task.ts";
import type { ControlCommand, ControlledWorker } from "./controlled-worker.ts";

/** What is told of a task when nobody says what. */
const DEFAULT_ITEMS = ["exchange", "routing_key", "rate_limit"];
/** Nobody asks for more items. */
const MAX_ITEMS = 100;

/** What Celery's tasks have as attributes, of ours. */
const ATTRIBUTES: Readonly<
  Record<string, (task: TaskDefinition, worker: ControlledWorker) => unknown>
> = {
  name: ({ name }) => name,
  acks_late: () => true,
  exchange: ({ options }) => options.exchange,
  routing_key: ({ options }) => options.routingKey,
  queue: ({ options }) => options.queue,
  priority: ({ options }) => options.priority,
  serializer: ({ options }, { runtime }) => options.serializer ?? runtime.format.serializer,
  compression: ({ options }, { runtime }) => options.compression ?? runtime.format.compression,
  ignore_result: ({ options }) => options.ignoreResult ?? false,
  store_errors_even_if_ignored: ({ options }) => options.storeErrorsEvenIfIgnored ?? false,
  max_retries: ({ options }) => options.maxRetries,
  time_limit: ({ options }) => toSeconds(options.timeLimitMs),
  soft_time_limit: ({ options }) => toSeconds(options.softTimeLimitMs),
  rate_limit: (task, worker) => toRateText(worker.rateLimitOf(task.name) ?? rateOf(task, worker)),
};

/** The tasks that a worker knows, each with what is asked of it: `mail.send [rate_limit=10/m]`. */
export const listRegistered: ControlCommand = (worker, { taskinfoitems: asked }) => {
  const items: readonly unknown[] =
    Array.isArray(asked) && asked.length > 0 ? asked : DEFAULT_ITEMS;
  const known = items
    .slice(0, MAX_ITEMS)
    .filter((item): item is string => typeof item === "string" && Object.hasOwn(ATTRIBUTES, item));
  return [...worker.runtime.definitions.values()]
    .map((task) => toText(task, known, worker))
    .toSorted();
};

function toText(task: TaskDefinition, items: readonly string[], worker: ControlledWorker): string {
  const fields = items.flatMap((item) => {
    const value = ATTRIBUTES[item]?.(task, worker) ?? null;
    return value === null ? [] : [`${item}=${toShown(value)}`];
  });
  return fields.length === 0 ? task.name : `${task.name} [${fields.join(" ")}]`;
}

/** As Python's `str` shows it. */
function toShown(value: unknown): string {
  return typeof value === "string" ? value : pythonRepr(value);
}

/** Its own, unless the worker was told that it has none. */
function rateOf({ name, options }: TaskDefinition, worker: ControlledWorker) {
  return worker.rateLimitOf(name) === null ? null : options.rateLimit;
}

function toRateText(rate: string | RateLimitOptions | null | undefined): string | null {
  if (rate === null || rate === undefined || typeof rate === "string") return rate ?? null;
  const { count, perMs } = rate;
  const unit = UNITS.get(perMs);
  return unit === undefined ? `${(count * 1_000) / perMs}/s` : `${count}/${unit}`;
}

const UNITS: ReadonlyMap<number, string> = new Map([
  [1_000, "s"],
  [60_000, "m"],
  [3_600_000, "h"],
]);

function toSeconds(ms: number | undefined): number | null {
  return ms === undefined ? null : ms / 1_000;
}
