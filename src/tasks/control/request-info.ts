import { isRecord } from "../../core/is-record.ts";
import type { Delivery } from "../brokers/broker.ts";
import { decodeMessage } from "../message/decode.ts";
import { readIds } from "./command-arguments.ts";
import type { ControlCommand, ControlledWorker, RunningDelivery } from "./controlled-worker.ts";

/** What a task was called with is shown up to this size of its message, else as the text it came with. */
const MAX_SHOWN_BYTES = 16_384;

/** What runs. */
export const listActive: ControlCommand = (worker, { safe }) =>
  worker.running().map((running) => toActive(worker, running, safe === true));

/** What the worker has taken, and not begun yet; all else waits in the broker. */
export const listReserved: ControlCommand = (worker) =>
  worker.waiting().map((delivery) => toInfo(worker, delivery, false));

/** What the worker has of some tasks. */
export const queryTask: ControlCommand = (worker, args) => {
  const ids = new Set(readIds("ids", args["ids"]));
  const active = worker.running().filter(({ delivery }) => ids.has(delivery.id));
  const reserved = worker.waiting().filter(({ id }) => ids.has(id));
  return Object.fromEntries([
    ...reserved.map((delivery) => [delivery.id, ["reserved", toInfo(worker, delivery, true)]]),
    ...active.map((running) => [running.delivery.id, ["active", toActive(worker, running, true)]]),
  ]);
};

function toActive(
  worker: ControlledWorker,
  { delivery, startedAt }: RunningDelivery,
  isSafe: boolean,
): unknown {
  const child = worker.pool.children.find(({ taskId }) => taskId === delivery.id);
  return {
    ...toInfo(worker, delivery, isSafe),
    time_start: startedAt / 1_000,
    worker_pid: child?.pid ?? process.pid,
  };
}

function toInfo({ name: hostname }: ControlledWorker, delivery: Delivery, isSafe: boolean) {
  const { id, queue, runs, message } = delivery;
  const { name, args, kwargs } = toCall(delivery, isSafe);
  const { priority = 0 } = message.properties;
  return {
    id,
    name,
    args,
    kwargs,
    type: name,
    hostname,
    time_start: null,
    acknowledged: false,
    delivery_info: { exchange: "", routing_key: queue, priority, redelivered: runs > 1 },
    worker_pid: null,
  };
}

/** What was called, as the message says it. */
function toCall({ message }: Delivery, isSafe: boolean) {
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
    // As its headers say it.
    return texts;
  }
}

function toText(value: unknown): string | null {
  return typeof value === "string" ? value.slice(0, MAX_SHOWN_BYTES) : null;
}
