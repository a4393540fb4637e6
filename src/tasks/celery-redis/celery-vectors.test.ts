import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { deserialize, SERIALIZERS } from "../message/serializer.ts";
import { readEnvelope } from "./envelope.ts";
import { readTaken } from "./taken-message.ts";

interface Captured {
  readonly name: string;
  /** What Redis was told. */
  readonly command?: readonly string[];
  /** What RabbitMQ was told. */
  readonly published?: unknown;
  /** A message that was pushed to a queue. */
  readonly queue?: string;
  readonly envelope?: string;
  /** A record. */
  readonly result?: string;
  /** A message in RabbitMQ. */
  readonly message?: unknown;
}

/** All that was captured of Celery's processes, word for word. */
const CAPTURED: readonly Captured[] = JSON.parse(
  readFileSync(new URL("../../../test/celery/vectors.json", import.meta.url), "utf8"),
);

/** Looked at with Redis, in `test/celery/redis-vectors.test.ts`. */
const IN_REDIS: ReadonlySet<string> = new Set(
  [
    ["binding-default-queue", "binding-reply-pidbox", "group-saved", "result-success-publish"],
    ["unacked-zadd", "unacked-hset", "ack-zrem", "ack-hdel"],
    ["chord-size-key", "chord-part-zadd", "chord-part-zcount", "chord-failed-part-zadd"],
  ].flat(),
);
const EVENT = /(^|-)event-|^amqp-(task|worker)-/;
const names = CAPTURED.map(({ name }) => name);

test("each of what was captured is looked at somewhere", () => {
  const left = CAPTURED.filter(({ envelope, message, result }) => !envelope && !message && !result)
    .map(({ name }) => name)
    .filter((name) => !/^(pidbox|mingle)-|^amqp-pidbox-/.test(name))
    .filter((name) => !IN_REDIS.has(name) && !EVENT.test(name));
  expect(names).toHaveLength(152);
  expect(new Set(names).size).toBe(152);
  // The queue of a worker that listens to others, which ours does not.
  expect(left).toEqual(["binding-gossip"]);
});

test("what Celery has taken is read back as it was sent", () => {
  const { queue, envelope } = captured("task-simple");
  expect(readTaken(capturedText("unacked-hset"))).toEqual({ text: envelope, queue });
});

describe("an event of Celery's, which nothing of ours sends or hears yet,", () => {
  test.each(names.filter((name) => EVENT.test(name)))("can be read: %s", (name) => {
    const { command, published } = captured(name);
    const text = command ? textIn(capturedText(name)) : contentOf(published);
    const body = new TextEncoder().encode(text);
    const said = deserialize(
      { body, contentType: "application/json", contentEncoding: "utf-8" },
      SERIALIZERS,
    );
    const [type = ""] = /(task|worker)-[a-z]+/.exec(name) ?? [];
    const common = { type, hostname: expect.any(String), clock: expect.any(Number) };
    expect([said].flat().at(-1)).toMatchObject(common);
  });
});

function textIn(envelope: string): string {
  return Buffer.from(readEnvelope(envelope, "none").message.body).toString();
}

function contentOf(published: unknown): string {
  return String(Object(published)["content"]);
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
