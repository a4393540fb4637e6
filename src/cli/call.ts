import { Command, InvalidArgumentError } from "commander";

import type { SendTaskOptions } from "../tasks/index.ts";
import { integer, jsonOption, seconds, waitOption } from "./options.ts";
import { printJson } from "./print-json.ts";
import { print } from "./print.ts";
import { reportRecord } from "./report-record.ts";
import {
  brokerOption,
  openTaskSource,
  resultsOption,
  splitModule,
  type TaskSourceOptions,
} from "./task-source.ts";
import { waitForRecord } from "./wait-for-record.ts";

interface CallOptions extends TaskSourceOptions {
  readonly args?: readonly unknown[];
  readonly kwargs?: Readonly<Record<string, unknown>>;
  readonly countdown: number | undefined;
  readonly eta: Date | undefined;
  readonly expires: number | Date | undefined;
  readonly queue: string | undefined;
  readonly exchange: string | undefined;
  readonly routingKey: string | undefined;
  readonly priority: number | undefined;
  readonly taskId: string | undefined;
  readonly wait: number | true | undefined;
  readonly json?: true;
}

/** `tidings call`: sends a task. */
export function callCommand(): Command {
  return new Command("call")
    .description("Send a task, and print its id.")
    .usage("[options] <module> <name>")
    .argument("[module]", "the file that exports the application")
    .argument("[name]", "the name of the task, registered here or elsewhere")
    .option("-a, --args <json>", "positional arguments, a JSON array", toArray)
    .option("-k, --kwargs <json>", "arguments by name, a JSON object", toObject)
    .option("--countdown <seconds>", "run it after so long", seconds)
    .option("--eta <time>", "run it at this time (ISO 8601), at the earliest", toTime)
    .option("--expires <seconds or time>", "revoke it when it has not started by then", toExpiry)
    .option("-Q, --queue <name>", "the queue (default: the task's own)")
    .option("--exchange <name>", "the exchange, instead of a queue")
    .option("--routing-key <key>", "the routing key, with --exchange")
    .option("--priority <0-9>", "its priority in the queue", integer(0, 255))
    .option("--task-id <id>", "its id (default: a new one)")
    .addOption(waitOption())
    .addOption(jsonOption())
    .addOption(brokerOption())
    .addOption(resultsOption())
    .action(call);
}

async function call(
  first: string | undefined,
  second: string | undefined,
  options: CallOptions,
): Promise<void> {
  const [path, name = ""] = splitModule(options, [first, second], ["NAME"]);
  await using source = await openTaskSource(path, options);
  const { id } = await source.tasks.sendTask(name, options.args, toSendOptions(options));
  const { wait, json } = options;
  if (wait !== undefined) await reportRecord(await waitForRecord(source.tasks, id, wait), { json });
  else if (json) await printJson({ id });
  else await print(`${id}\n`);
}

function toSendOptions(options: CallOptions): SendTaskOptions {
  const { kwargs, countdown, eta, expires, queue, exchange, routingKey, priority, taskId } =
    options;
  const expiresInMs = typeof expires === "number" ? expires * 1_000 : undefined;
  return {
    kwargs,
    countdownMs: countdown === undefined ? undefined : countdown * 1_000,
    eta,
    expires: typeof expires === "number" ? undefined : expires,
    expiresInMs,
    queue,
    exchange,
    routingKey,
    priority,
    taskId,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidArgumentError("It is no JSON.");
  }
}

function toArray(text: string): readonly unknown[] {
  const value = parseJson(text);
  if (Array.isArray(value)) return value;
  throw new InvalidArgumentError("Expected a JSON array.");
}

function toObject(text: string): object {
  const value = parseJson(text);
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new InvalidArgumentError("Expected a JSON object.");
}

function toTime(text: string): Date {
  const time = new Date(text);
  if (!Number.isNaN(time.getTime())) return time;
  throw new InvalidArgumentError("Expected a time as 2030-12-31T23:59:00Z.");
}

function toExpiry(text: string): number | Date {
  return /^[\d.]+$/.test(text) ? seconds(text) : toTime(text);
}
