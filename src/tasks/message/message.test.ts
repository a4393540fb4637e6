import { describe, expect, test } from "vitest";

import { decodeMessage } from "./decode.ts";
import { encodeMessage, encodeRetry } from "./encode.ts";
import { toJsonText } from "./json-text.ts";
import type { EncodedMessage, TaskMessage } from "./message.ts";
import { readProperties, writeProperties } from "./properties.ts";

const call: TaskMessage = {
  id: "one",
  task: "tasks.add",
  args: [2, "é 🙂"],
  kwargs: { deep: { list: [null, true] } },
  embed: {},
  retries: 0,
  eta: Date.UTC(2026, 10, 20, 20, 59, 5, 4),
  expires: null,
  rootId: "root",
  parentId: null,
  group: null,
  groupIndex: null,
  origin: "gen1@host",
  shadow: null,
  timeLimits: { hardMs: null, softMs: null },
  ignoreResult: false,
  replacedTaskNesting: 0,
  stampedHeaders: null,
  stamps: {},
  headers: {},
  replyTo: null,
  priority: 0,
};

function received(headers: unknown, body: string | Uint8Array): EncodedMessage {
  return {
    id: "one",
    headers,
    body: Buffer.from(body),
    contentType: "application/json",
    contentEncoding: "utf-8",
    properties: {},
  };
}

describe("encodeMessage", () => {
  test("writes a message that decodes to the same call", () => {
    const embed = { callbacks: null, errbacks: null, chain: null, chord: null };
    expect(decodeMessage(encodeMessage(call))).toEqual({ ...call, embed });
  });

  test("writes headers and body as protocol 2 names them", () => {
    const { headers, body } = encodeMessage(call);
    expect(headers).toMatchObject({
      lang: "js",
      task: "tasks.add",
      id: "one",
      root_id: "root",
      retries: 0,
      timelimit: [null, null],
      eta: "2026-11-20T20:59:05.004000+00:00",
      expires: null,
    });
    expect(JSON.parse(String(body))).toEqual([
      [2, "é 🙂"],
      { deep: { list: [null, true] } },
      { callbacks: null, errbacks: null, chain: null, chord: null },
    ]);
  });

  test("says when a message expires as a text of milliseconds from now", () => {
    const { properties } = encodeMessage({ ...call, expires: Date.now() + 60_000 });
    expect(Number(properties.expiration)).toBeGreaterThan(50_000);
    expect(Number(properties.expiration)).toBeLessThanOrEqual(60_000);
    expect(encodeMessage({ ...call, expires: 1 }).properties.expiration).toBe("0");
  });

  test("writes a retry under the same id, with headers it does not know", () => {
    const message = received({ task: "t", id: "one", "x-tenant": 7 }, "kept");
    const retry = encodeRetry(message, { retries: 2, eta: Date.UTC(2026, 0, 1) });
    expect(retry).toEqual({
      ...message,
      headers: {
        task: "t",
        id: "one",
        "x-tenant": 7,
        retries: 2,
        eta: "2026-01-01T00:00:00.000000+00:00",
        parent_id: "one",
      },
    });
  });
});

describe("decodeMessage", () => {
  test("reads what Celery 5.6.3 sends for a plain call", () => {
    const message = decodeMessage(received(CELERY_PLAIN.headers, CELERY_PLAIN.body));
    expect(message).toEqual({
      id: "8192f324-ebe2-4b39-986d-07bdce76ded1",
      task: "tapp.add",
      args: [2, 3],
      kwargs: {},
      embed: { callbacks: null, errbacks: null, chain: null, chord: null },
      retries: 0,
      eta: null,
      expires: null,
      rootId: "8192f324-ebe2-4b39-986d-07bdce76ded1",
      parentId: null,
      group: null,
      groupIndex: null,
      origin: "gen23170@vm",
      shadow: null,
      timeLimits: { hardMs: null, softMs: null },
      ignoreResult: false,
      replacedTaskNesting: 0,
      stampedHeaders: null,
      stamps: {},
      headers: {},
      replyTo: null,
      priority: null,
    });
  });

  test("reads the retry of a Python worker: when, how often, by whom", () => {
    const headers = {
      ...CELERY_PLAIN.headers,
      eta: "2026-11-20T20:59:05.004267+00:00",
      retries: 1,
      parent_id: "8192f324-ebe2-4b39-986d-07bdce76ded1",
    };
    expect(decodeMessage(received(headers, CELERY_PLAIN.body))).toMatchObject({
      retries: 1,
      eta: Date.UTC(2026, 10, 20, 20, 59, 5, 4),
      parentId: "8192f324-ebe2-4b39-986d-07bdce76ded1",
    });
  });

  test("keeps the rest of a chain, as Celery 5.6.3 sends it", () => {
    const body =
      '[[1, 2], {}, {"callbacks": null, "errbacks": null, "chain": [{"task": "tapp.add", "args": [10], "kwargs": {}, "options": {"task_id": "8928a338-912f-4993-be47-eb4be99ad829", "reply_to": "d23e8218-1365-3864-abfa-be7168fbefa6"}, "subtask_type": null, "immutable": false}], "chord": null}]';
    const { args, embed } = decodeMessage(received(CELERY_PLAIN.headers, body));
    expect(args).toEqual([1, 2]);
    expect(embed.chain).toMatchObject([{ task: "tapp.add", args: [10], immutable: false }]);
  });

  test("reads protocol 1, where everything is in the body", () => {
    const body = JSON.stringify({
      task: "tasks.add",
      id: "old",
      args: [2, 3],
      kwargs: { z: 1 },
      retries: 1,
      eta: "2026-11-20T20:59:05",
      expires: null,
      utc: true,
      callbacks: [{ task: "tasks.log" }],
      errbacks: null,
      timelimit: [30, null],
      taskset: "group",
      chord: null,
    });
    const message = received({}, body);
    expect(decodeMessage(message)).toMatchObject({
      id: "old",
      task: "tasks.add",
      args: [2, 3],
      kwargs: { z: 1 },
      embed: { callbacks: [{ task: "tasks.log" }] },
      retries: 1,
      eta: Date.UTC(2026, 10, 20, 20, 59, 5),
      group: "group",
      timeLimits: { hardMs: 30_000, softMs: null },
    });
    const retry = decodeMessage(encodeRetry({ ...message, id: "old" }, { retries: 2, eta: 0 }));
    expect(retry).toMatchObject({ id: "old", args: [2, 3], retries: 2, eta: 0, parentId: "old" });
  });

  test("reads the least that a Python worker accepts", () => {
    const headers = { id: "one", task: "t" };
    expect(decodeMessage(received(headers, "[[], {}, null]"))).toMatchObject({
      args: [],
      kwargs: {},
      embed: {},
      retries: 0,
      rootId: "one",
    });
  });

  test.each([
    ["2026-11-20T20:59:05.004267+00:00", Date.UTC(2026, 10, 20, 20, 59, 5, 4)],
    ["2026-11-20T20:59:05Z", Date.UTC(2026, 10, 20, 20, 59, 5)],
    ["2026-11-20T20:59:05.004267", Date.UTC(2026, 10, 20, 20, 59, 5, 4)],
    ["2026-11-20T22:59:05+02:00", Date.UTC(2026, 10, 20, 20, 59, 5)],
  ])("reads the time %s", (eta, time) => {
    const headers = { id: "one", task: "t", eta };
    expect(decodeMessage(received(headers, "[[], {}, {}]")).eta).toBe(time);
  });

  const good = { id: "one", task: "t" };
  test.each([
    ["headers that are text", "junk", "[[], {}, {}]", "headers of a task message to be an object"],
    ["headers that are a list", [], "[[], {}, {}]", "headers of a task message to be an object"],
    ["no task", { id: "one" }, "[[], {}, {}]", "header task"],
    ["an empty id", { id: "", task: "t" }, "[[], {}, {}]", "header id"],
    ["negative retries", { ...good, retries: -1 }, "[[], {}, {}]", "header retries"],
    ["a time that is none", { ...good, eta: "soon" }, "[[], {}, {}]", "header eta"],
    ["a body that is no JSON", good, "}{", "to be JSON"],
    ["a body of protocol 1 without a task", {}, "{}", "header id"],
    ["bytes that are no text", good, Buffer.from([0x22, 0xff, 0x22]), "to be JSON"],
    [
      "a body of protocol 1 under headers of protocol 2",
      good,
      '{"task": "t"}',
      "a list of arguments",
    ],
    ["a body of two", good, "[[], {}]", "got a list of 2"],
    ["arguments that are no list", good, '["ab", {}, {}]', "expected the arguments"],
    ["keyword arguments that are a list", good, "[[], [], {}]", "expected the keyword arguments"],
    ["an embed that is text", good, '[[], {}, "x"]', "expected the embed"],
  ])("refuses %s", (...[, headers, body, message]) => {
    expect(() => decodeMessage(received(headers, body))).toThrow(message);
  });

  test("says of what is no message at all that somebody put it there", () => {
    expect(() => decodeMessage(received(null, "rubbish"))).toThrow(
      "expected a task message as Celery writes it",
    );
  });

  test("never shows what a refused message holds", () => {
    const body = '{"password": "hunter2"}';
    expect(() => decodeMessage(received(good, body))).toThrow(/^(?!.*hunter2)/);
  });
});

describe("toJsonText", () => {
  const cycle: { self?: object } = {};
  cycle.self = cycle;

  test.each([
    ["a function", { run: () => 1 }, "value.run, got a value of type function"],
    ["a bigint", [1n], "value[0], got a value of type bigint"],
    ["a symbol", { deep: [Symbol("x")] }, "value.deep[0], got a value of type symbol"],
    ["undefined in a list", [1, undefined], "value[1], got a value of type undefined"],
    ["a hole in a list", Array(1), "value[0], got a value of type undefined"],
    ["NaN", { n: Number.NaN }, "value.n, got NaN"],
    ["infinity", -Infinity, "value, got -Infinity"],
    ["a map", { map: new Map() }, "value.map, got a value of class Map"],
    ["an invalid date", { at: new Date(Number.NaN) }, "value.at, got an invalid Date"],
    ["a pattern", [/x/], "value[0], got a value of class RegExp"],
    ["an error", { error: new TypeError("no") }, "value.error, got a value of class Error"],
    ["a promise", { later: Promise.resolve(1) }, "value.later, got a value of class Promise"],
    ["a cycle", cycle, "value.self, got a reference to its own parent"],
  ])("refuses %s", (_name, value, message) => {
    expect(() => toJsonText(value)).toThrow(`expected a JSON value at ${message}`);
  });

  test("takes what JSON carries, dates as text, and leaves undefined fields out", () => {
    const shared = { a: 1 };
    const value = { at: new Date(0), left: undefined, twice: [shared, shared] };
    expect(toJsonText(value)).toBe('{"at":"1970-01-01T00:00:00.000Z","twice":[{"a":1},{"a":1}]}');
  });
});

/** Captured from a Python client. */
const CELERY_PLAIN = {
  headers: {
    lang: "py",
    task: "tapp.add",
    id: "8192f324-ebe2-4b39-986d-07bdce76ded1",
    shadow: null,
    eta: null,
    expires: null,
    group: null,
    group_index: null,
    retries: 0,
    timelimit: [null, null],
    root_id: "8192f324-ebe2-4b39-986d-07bdce76ded1",
    parent_id: null,
    argsrepr: "(2, 3)",
    kwargsrepr: "{}",
    origin: "gen23170@vm",
    ignore_result: false,
    replaced_task_nesting: 0,
    stamped_headers: null,
    stamps: {},
  },
  body: '[[2, 3], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]',
};

describe("properties", () => {
  test("are written as they were read, unknown ones too", () => {
    const stored = {
      correlation_id: "one",
      reply_to: "caller",
      origin: "gen1@host",
      delivery_mode: 1,
      expiration: "120000",
      priority: 3,
    };
    expect(readProperties(stored)).toEqual({
      correlationId: "one",
      replyTo: "caller",
      deliveryMode: 1,
      priority: 3,
      expiration: "120000",
      others: { origin: "gen1@host" },
    });
    expect(writeProperties(readProperties(stored))).toEqual(stored);
  });

  test.each([null, "text", [], { priority: "high", correlation_id: 7, expiration: null }])(
    "that are not as they should be are left out: %j",
    (stored) => {
      expect(writeProperties(readProperties(stored))).toEqual({});
    },
  );
});
