import { readFileSync } from "node:fs";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { isRecord } from "../../core/is-record.ts";
import { writeControlEnvelope } from "../celery-redis/control-envelope.ts";
import { readEnvelope } from "../celery-redis/envelope.ts";
import { writePythonJson } from "../message/python-json.ts";
import { createTasks, type Tasks } from "../tasks.ts";
import type { ControlRequest } from "./control-channel.ts";
import { readReply, readRequest, writeReply, writeRequest } from "./pidbox.ts";

interface Captured {
  readonly name: string;
  /** What Redis was told. */
  readonly command?: readonly string[];
  /** What RabbitMQ was told. */
  readonly published?: unknown;
}

/** All that was captured of Celery's processes, word for word. */
const CAPTURED: readonly Captured[] = JSON.parse(
  readFileSync(new URL("../../../test/celery/vectors.json", import.meta.url), "utf8"),
);

const names = CAPTURED.map(({ name }) => name);
const requests = names.filter((name) => /^(pidbox|mingle-hello)-request/.test(name));
const replies = names.filter((name) => /^(pidbox|mingle-hello)-reply/.test(name));

/** What a control message that Celery sent says, and its envelope but for what is new each time. */
function open(name: string) {
  const text = capturedText(name);
  const { message } = readEnvelope(text, "none");
  return {
    envelope: asSent(text),
    body: Buffer.from(message.body).toString(),
    headers: message.headers,
  };
}

/** An envelope, without its body, its number and the clock of its sender; times to a microsecond. */
function asSent(text: string): unknown {
  const { body: _, headers, properties, ...types } = fieldsOf(JSON.parse(text));
  const { clock: __, expires = 0, ...kept } = fieldsOf(headers);
  const { delivery_tag: ___, ...info } = fieldsOf(properties);
  return JSON.stringify({
    ...types,
    headers: { ...kept, expires: Number(expires).toFixed(6) },
    properties: info,
  });
}

/** What we wrote, with Python's spaces and escapes. */
function spaced(text: string): string {
  return writePythonJson(JSON.parse(text), "what was written");
}

/** What Python wrote, with whole numbers as we write them: it keeps floats apart, as 120.0. */
function withoutFloats(text: string): string {
  return text.replaceAll(/(?<=[:[,] -?\d+|\[-?\d+)\.0(?=[,}\]])/g, "");
}

describe("a request that Celery sent", () => {
  test("is there for each command", () => {
    expect(requests).toHaveLength(39);
    expect(replies).toHaveLength(39);
  });

  test.each(requests)("means what it says, and is written so: %s", (name) => {
    const { body, headers, envelope } = open(name);
    const { method, arguments: args, ticket, reply_to: to } = fieldsOf(JSON.parse(body));
    const { exchange, routing_key: routingKey } = fieldsOf(to);
    const request = readRequest(body, headers);
    expect(request).toEqual({
      method,
      arguments: args,
      destination: null,
      pattern: null,
      matcher: null,
      expiresAt: Number(fieldsOf(headers)["expires"]) * 1_000,
      replyTo: { ticket, exchange, routingKey },
    });
    const again = writeRequest(request ?? NOTHING);
    expect(spaced(again.body)).toBe(body);
    expect(
      asSent(writeControlEnvelope({ ...again, exchange: "celery.pidbox", routingKey: "" })),
    ).toBe(envelope);
  });

  test("is the same in RabbitMQ", () => {
    const { content, properties } = fieldsOf(captured("amqp-pidbox-ping").published);
    const { headers, deliveryMode, priority } = fieldsOf(properties);
    const request = readRequest(String(content), headers);
    expect(request).toMatchObject({ method: "ping", expiresAt: 1_795_210_310_067.595_2 });
    const again = writeRequest(request ?? NOTHING);
    expect(spaced(again.body)).toBe(content);
    expect({ ...again.headers, clock: 1 }).toEqual(headers);
    expect([again.deliveryMode, 0]).toEqual([deliveryMode, priority]);
  });
});

describe("an answer that Celery's worker sent", () => {
  test.each(replies)("means what it says, and is written so: %s", (name) => {
    const { body, headers, envelope } = open(name);
    const [[worker, value] = [""]] = Object.entries(fieldsOf(JSON.parse(body)));
    const ticket = String(fieldsOf(headers)["ticket"]);
    const reply = readReply(body, headers, ticket);
    expect(reply).toEqual({ worker, value });
    expect(worker).toBe("w1@vm");
    expect(readReply(body, headers, "another")).toBeNull();
    const address = { ticket, exchange: "reply.celery.pidbox", routingKey: addressOf(name) };
    const again = writeReply(address, reply ?? { worker: "", value: null });
    expect(spaced(again.body)).toBe(withoutFloats(body));
    expect(asSent(writeControlEnvelope({ ...again, ...address }))).toBe(envelope);
  });
});

const SAME = [
  [
    "ping",
    "query_task",
    "registered",
    "dump_tasks",
    "active_queues",
    "dump_active",
    "dump_reserved",
  ],
  ["rate_limit", "time_limit", "add_consumer", "cancel_consumer", "pool_grow", "pool_shrink"],
  ["autoscale", "pool_restart", "disable_events", "heartbeat", "election", "nosuch", "objgraph"],
].flat();
/** Those that are about the tasks which run. */
const OF_TASKS = ["active", "reserved", "terminate"];
/** Those in which each worker tells of itself. */
const OF_ITSELF = ["stats", "clock", "hello", "conf", "dump_conf", "report"];
/** Those that are answered otherwise: what is not due waits in the broker, ids are in an order, and so on. */
const OTHERWISE = [
  ["scheduled", "dump_schedule", "revoked", "dump_revoked", "revoke", "enable_events"],
  ["memsample", "memdump", "revoke_by_stamped_headers"],
].flat();

describe("our worker, asked what Celery's was asked,", () => {
  const resources = new AsyncDisposableStack();
  let tasks: Tasks;

  beforeAll(async () => {
    tasks = resources.use(createTasks({ broker: "memory:", results: "memory:" }));
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    for (const text of listOf(valueOf("registered"))) {
      if (text !== "tapp.slow") tasks.task(String(text), () => 1);
    }
    tasks.task("tapp.slow", () => ended);
    const options = { name: "w1@vm", queues: ["celery"], concurrency: 2 };
    await resources.use(tasks.createWorker({ ...options, prefetchMultiplier: 2 })).start();
    resources.defer(() => resolve());
  });

  afterAll(() => resources.disposeAsync());

  async function answer(command: string): Promise<unknown> {
    const { body, headers } = open(`pidbox-request-${command}`);
    const { method, arguments: args } = readRequest(body, headers) ?? NOTHING;
    const destination = ["w1@vm"];
    return (await tasks.control.ask(method, { arguments: args, destination })).get("w1@vm");
  }

  test("is asked every command", () => {
    const known = [...SAME, ...OF_TASKS, ...OF_ITSELF, ...OTHERWISE];
    const asked = requests.flatMap((name) => /^pidbox-request-(.*)/.exec(name)?.[1] ?? []);
    expect(known.toSorted()).toEqual(asked.toSorted());
  });

  test.each(SAME)("answers %s the same", async (command) => {
    expect(await answer(command)).toEqual(valueOf(command));
  });

  test.each(OF_ITSELF)("answers %s in the same shape", async (command) => {
    const [ours, theirs] = [fieldsOf(await answer(command)), fieldsOf(valueOf(command))];
    const isConf = command.endsWith("conf");
    const keys = isConf ? ["broker_url", "result_backend"] : Object.keys(theirs);
    const kinds = (from: typeof ours): unknown => keys.map((key) => [key, typeof from[key]]);
    expect(kinds(ours)).toEqual(kinds(theirs));
  });

  test("tells of tasks in the same words", async () => {
    for (const taskId of ["slow1", "slow2", "slow3"]) {
      await tasks.sendTask("tapp.slow", [6], { taskId });
    }
    await expect.poll(async () => await answer("reserved")).toHaveLength(1);
    expect(await answer("reserved")).toEqual(valueOf("reserved"));
    expect(await answer("active")).toEqual(
      listOf(valueOf("active")).map((one) => ({
        ...fieldsOf(one),
        // Ours acknowledges what it has done, not what it begins.
        acknowledged: false,
        time_start: expect.closeTo(Date.now() / 1_000, -2),
        worker_pid: process.pid,
      })),
    );
    expect(await answer("terminate")).toEqual(valueOf("terminate"));
  });
});

function valueOf(command: string): unknown {
  const { body } = open(`pidbox-reply-${command}`);
  return fieldsOf(JSON.parse(body))["w1@vm"];
}

/** The key of the list that an answer was pushed to. */
function addressOf(name: string): string {
  return captured(name).command?.[1]?.replace(".reply.celery.pidbox", "") ?? "";
}

const NOTHING: ControlRequest = {
  method: "",
  arguments: {},
  destination: null,
  pattern: null,
  matcher: null,
  expiresAt: null,
  replyTo: null,
};

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return isRecord(value) ? value : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function captured(name: string): Captured {
  const found = CAPTURED.find((one) => one.name === name);
  if (!found) throw new Error(`expected something captured as ${name}`);
  return found;
}

/** The last word of a command: what was sent or stored. */
function capturedText(name: string): string {
  return captured(name).command?.at(-1) ?? "";
}
