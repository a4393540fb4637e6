import { Command, InvalidArgumentError, Option } from "commander";

import { COMPRESSIONS, SERIALIZERS, type SendTaskOptions, type Tasks } from "../tasks/index.ts";
import { checkCall } from "./check-call.ts";
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
  readonly unregistered?: true;
  readonly taskId: string | undefined;
  readonly timeLimit: number | undefined;
  readonly softTimeLimit: number | undefined;
  readonly header: Readonly<Record<string, string>> | undefined;
  readonly link: readonly string[] | undefined;
  readonly linkError: readonly string[] | undefined;
  readonly serializer: SendTaskOptions["serializer"];
  readonly compression: SendTaskOptions["compression"];
  readonly wait: number | true | undefined;
  readonly json?: true;
}

/** `tidings call`: sends a task. */
export function callCommand(): Command {
  return new Command("call")
    .description("Send a task, and print its id.")
    .usage("[options] (<module> | -b <url>) <name>")
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
    .option("--priority <0-9>", "its priority in the queue", integer(0, 9))
    .option("--unregistered", "send it although the application has no such task: others may")
    .option("--task-id <id>", "its id (default: a new one)")
    .option("--time-limit <seconds>", "end it when it runs longer", seconds)
    .option("--soft-time-limit <seconds>", "tell it when it runs longer", seconds)
    .option("--header <name=value>", "a header of its message; may be repeated", addHeader)
    .option("--link <name>", "send this task with what it returns; may be repeated", addName)
    .option("--link-error <name>", "send this task when it fails; may be repeated", addName)
    .addOption(new Option("--serializer <name>", "how arguments are written").choices(SERIALIZERS))
    .addOption(new Option("--compression <name>", "how they are compressed").choices(COMPRESSIONS))
    .addOption(waitOption())
    .addOption(jsonOption())
    .addOption(brokerOption())
    .addOption(resultsOption())
    .addHelpText("after", "\nExit codes: 0 it was sent; with --wait as those of `tidings result`.")
    .action(call);
}

async function call(
  first: string | undefined,
  second: string | undefined,
  options: CallOptions,
): Promise<void> {
  const [path, name = ""] = splitModule(options, [first, second], ["NAME"]);
  await using source = await openTaskSource(path, options);
  if (path !== undefined) await checkCall(source.tasks, { ...options, name });
  const { id } = await source.tasks.sendTask(name, options.args, {
    ...toSendOptions(options),
    ...toLinks(source.tasks, options),
  });
  const { wait, json } = options;
  if (wait !== undefined) await reportRecord(await waitForRecord(source.tasks, id, wait), { json });
  else if (json) await printJson({ id });
  else await print(`${id}\n`);
}

function toSendOptions(options: CallOptions): SendTaskOptions {
  const { kwargs, countdown, eta, expires, queue, exchange, routingKey, priority, taskId } =
    options;
  const { header, serializer, compression, timeLimit, softTimeLimit } = options;
  const expiresInMs = typeof expires === "number" ? expires * 1_000 : undefined;
  return {
    kwargs,
    countdownMs: toMs(countdown),
    timeLimitMs: toMs(timeLimit),
    softTimeLimitMs: toMs(softTimeLimit),
    headers: header,
    serializer,
    compression,
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

function toLinks(
  tasks: Pick<Tasks, "signature">,
  { link = [], linkError = [] }: CallOptions,
): Pick<SendTaskOptions, "link" | "linkError"> {
  return {
    link: link.map((name) => tasks.signature(name)),
    linkError: linkError.map((name) => tasks.signature(name)),
  };
}

function toMs(duration: number | undefined): number | undefined {
  return duration === undefined ? undefined : duration * 1_000;
}

function addHeader(
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const [, name, value = ""] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined) throw new InvalidArgumentError("Expected a header as name=value.");
  return { ...headers, [name]: value };
}

function addName(text: string, names: readonly string[] = []): readonly string[] {
  return [...names, text];
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
  // Of other texts, such as -5, `Date` makes times that nobody meant.
  if (/^\d{4}-/.test(text) && !Number.isNaN(time.getTime())) return time;
  throw new InvalidArgumentError("Expected a time as 2030-12-31T23:59:00Z.");
}

function toExpiry(text: string): number | Date {
  return /^[\d.]+$/.test(text) ? seconds(text) : toTime(text);
}
