import type { Broker, Delivery } from "../brokers/broker.ts";
import { decodeMessage } from "../message/decode.ts";
import { isRecord } from "../message/is-record.ts";
import {
  toBrokerInfo,
  toCelerySettings,
  toReport,
  type WorkerConfiguration,
} from "./configuration.ts";
import { processClock } from "./lamport-clock.ts";

/** What commands may know of a worker, and do to it. */
export interface ControlledWorker {
  readonly name: string;
  readonly broker: Broker;
  readonly runtime: WorkerConfiguration["runtime"];
  /** How many tasks run at the same time. */
  readonly concurrency: () => number;
  readonly queues: () => readonly string[];
  /** The names of the tasks that it knows. */
  readonly taskNames: () => readonly string[];
  readonly running: () => readonly RunningDelivery[];
  /** How often each task has run. */
  readonly totals: ReadonlyMap<string, number>;
  /** When it was started, in milliseconds since 1970. */
  readonly startedAt: number;
  /** Cancels a task where the broker has no list of revoked ids. */
  cancel(id: string): Promise<unknown>;
  /** Stops it, as SIGTERM does. */
  shutDown(): void;
}

/** A task that runs. */
export interface RunningDelivery {
  readonly delivery: Delivery;
  /** In milliseconds since 1970. */
  readonly startedAt: number;
}

/** Carries out a command; what it returns is the answer, and what it throws is one with the error. */
export type ControlCommand = (
  worker: ControlledWorker,
  args: Readonly<Record<string, unknown>>,
) => unknown;

/** What a task was called with is shown up to this size of its message, else as the text it came with. */
const MAX_SHOWN_BYTES = 16_384;
/** No answer names more ids. */
const MAX_IDS = 10_000;

/** Celery's commands, by their names and by the older ones. */
export const CONTROL_COMMANDS: Readonly<Record<string, ControlCommand>> = {
  ping: () => ({ ok: "pong" }),
  clock: () => ({ clock: processClock.forward() }),
  hello,
  stats,
  registered,
  dump_tasks: registered,
  active,
  dump_active: active,
  active_queues: ({ queues }) => queues().map(toQueueInfo),
  // What Celery's workers hold back waits in the broker here.
  reserved: () => [],
  dump_reserved: () => [],
  scheduled: () => [],
  dump_schedule: () => [],
  revoked,
  dump_revoked: revoked,
  query_task: queryTask,
  conf,
  dump_conf: conf,
  report: (worker) => ({ ok: toReport(toConfiguration(worker)) }),
  revoke: (worker, args) => revoke(worker, args, args["terminate"] === true),
  terminate: (worker, args) => revoke(worker, args, true),
  shutdown: (worker) => worker.shutDown(),
};

function conf(worker: ControlledWorker): unknown {
  return toCelerySettings(toConfiguration(worker));
}

function toConfiguration({ runtime, concurrency }: ControlledWorker): WorkerConfiguration {
  return { runtime, concurrency: concurrency() };
}

function registered({ taskNames }: ControlledWorker): readonly string[] {
  return taskNames().toSorted();
}

function active(worker: ControlledWorker, { safe }: Readonly<Record<string, unknown>>): unknown {
  return worker.running().map((running) => toRequestInfo(worker, running, safe === true));
}

function queryTask(worker: ControlledWorker, args: Readonly<Record<string, unknown>>): unknown {
  const ids = new Set(toIds("ids", args["ids"]));
  const found = worker.running().filter(({ delivery }) => ids.has(delivery.id));
  return Object.fromEntries(
    found.map((running) => [running.delivery.id, ["active", toRequestInfo(worker, running, true)]]),
  );
}

function revoked({ broker }: ControlledWorker): readonly string[] {
  return broker.revoked?.ids.slice(-MAX_IDS) ?? [];
}

async function revoke(
  worker: ControlledWorker,
  args: Readonly<Record<string, unknown>>,
  terminates: boolean,
): Promise<unknown> {
  const ids = toIds("task_id", args["task_id"]);
  // A broker with a list of revoked ids has heard it itself.
  if (!worker.broker.revoked) await Promise.all(ids.map((id) => worker.cancel(id)));
  const names = ids.join(", ");
  return { ok: terminates ? `terminate: ${names}` : `tasks ${names} flagged as revoked` };
}

/** A Python worker that starts asks what it has missed; it believes none but decimal times. */
function hello(
  { name, broker }: ControlledWorker,
  args: Readonly<Record<string, unknown>>,
): unknown {
  if (args["from_node"] === name) return null;
  const ids = broker.revoked?.ids.slice(-MAX_IDS) ?? [];
  // The machine's monotonic seconds, as Python counts them; never a whole number, which JSON would shorten.
  const now = Number(process.hrtime.bigint() / 1_000_000n) / 1_000 + 0.000_5;
  return {
    revoked: Object.fromEntries(ids.map((id) => [id, [now, id]])),
    clock: processClock.forward(),
  };
}

function stats({ concurrency, totals, startedAt, runtime }: ControlledWorker): unknown {
  const usage = process.resourceUsage();
  return {
    total: Object.fromEntries(totals),
    pid: process.pid,
    clock: String(processClock.forward()),
    uptime: Math.floor((Date.now() - startedAt) / 1_000),
    pool: {
      implementation: "tidings",
      "max-concurrency": concurrency(),
      processes: [process.pid],
    },
    broker: toBrokerInfo(runtime.places.broker),
    prefetch_count: concurrency(),
    rusage: {
      utime: usage.userCPUTime / 1_000_000,
      stime: usage.systemCPUTime / 1_000_000,
      maxrss: usage.maxRSS,
    },
  };
}

function toQueueInfo(name: string): unknown {
  return {
    name,
    exchange: { name, type: "direct", durable: true, auto_delete: false },
    routing_key: name,
    queue_arguments: null,
    binding_arguments: null,
    consumer_arguments: null,
    durable: true,
    exclusive: false,
    auto_delete: false,
    no_ack: false,
    alias: null,
  };
}

function toRequestInfo(
  { name: hostname }: ControlledWorker,
  { delivery, startedAt }: RunningDelivery,
  isSafe: boolean,
): unknown {
  const { id, queue, runs } = delivery;
  const { name, args, kwargs } = toCallInfo(delivery, isSafe);
  return {
    id,
    name,
    args,
    kwargs,
    type: name,
    hostname,
    time_start: startedAt / 1_000,
    acknowledged: false,
    delivery_info: { exchange: "", routing_key: queue, priority: 0, redelivered: runs > 1 },
    worker_pid: process.pid,
  };
}

/** What was called, as the message says it. */
function toCallInfo({ message }: Delivery, isSafe: boolean) {
  const headers = isRecord(message.headers) ? message.headers : {};
  const texts = {
    name: toText(headers["task"]),
    args: toText(headers["argsrepr"]),
    kwargs: toText(headers["kwargsrepr"]),
  };
  if (isSafe || message.body.byteLength > MAX_SHOWN_BYTES) return texts;
  try {
    const { task, args, kwargs } = decodeMessage(message);
    return { name: task, args, kwargs };
  } catch {
    return texts;
  }
}

function toText(value: unknown): string | null {
  return typeof value === "string" ? value.slice(0, MAX_SHOWN_BYTES) : null;
}

/** One id, or a list of them. */
function toIds(name: string, value: unknown): readonly string[] {
  const ids: readonly unknown[] = [value].flat();
  const texts = ids.filter((id): id is string => typeof id === "string" && id !== "");
  if (texts.length > 0 && texts.length === ids.length && ids.length <= MAX_IDS) return texts;
  throw new TypeError(`expected \`${name}\` to be an id, or a list of at most ${MAX_IDS}`);
}
