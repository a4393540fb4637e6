import { readText } from "./command-arguments.ts";
import type { ControlCommand } from "./controlled-worker.ts";
import { errorAnswer } from "./error-answer.ts";

/** Has a worker take from one more queue. */
export const addConsumer: ControlCommand = (worker, args) => {
  const queue = readText("queue", args["queue"]);
  const { exchange = null, routing_key: routingKey = null } = args;
  if (!isOwn(exchange, queue) || !isOwn(routingKey, queue)) {
    return errorAnswer("ValueError", "a queue is consumed by its name, without an exchange");
  }
  worker.addQueue(queue);
  return { ok: `add consumer ${queue}` };
};

/** Has a worker take from a queue no more; what it has taken goes on. */
export const cancelConsumer: ControlCommand = (worker, args) => {
  const queue = readText("queue", args["queue"]);
  worker.removeQueue(queue);
  return { ok: `no longer consuming from ${queue}` };
};

/** Each queue is bound to the exchange of its name, by its name. */
function isOwn(value: unknown, queue: string): boolean {
  return value === null || value === "" || value === queue;
}
