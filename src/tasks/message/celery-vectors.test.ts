import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { isRecord } from "../../core/is-record.ts";
import { decodeMessage } from "./decode.ts";
import { encodeMessage } from "./encode.ts";
import type { EncodedMessage, TaskMessage } from "./message.ts";
import { readProperties } from "./properties.ts";
import { writePythonJson } from "./python-json.ts";

type Fields = Readonly<Record<string, unknown>>;

/** What Celery 5.2.6 and 5.6.3 sent over Redis and RabbitMQ. */
const captured: readonly (readonly [name: string, message: EncodedMessage])[] = readVectors();

describe("messages that Celery sent", () => {
  test("are there", () => {
    expect(captured.length).toBeGreaterThan(30);
  });

  test.each(captured)("are read and written the same: %s", (_name, message) => {
    const decoded = decodeMessage(message);
    const again = encodeMessage(decoded, compressionOf(message));
    expect(decodeMessage(again)).toEqual({ ...decoded, priority: decoded.priority ?? 0 });
    expect({ ...fieldsOf(again.headers), lang: "py" }).toEqual(asOurs(message.headers));
    expect(textOf(again)).toBe(textOf(message));
    expect(again.contentType).toBe(message.contentType);
    expect(again.contentEncoding).toBe(message.contentEncoding);
    // It counts from when the message was sent.
    const { expiration, ...properties } = again.properties;
    expect(typeof expiration).toBe(typeof message.properties.expiration);
    expect(properties).toEqual({
      ...message.properties,
      priority: message.properties.priority ?? 0,
      others: undefined,
      expiration: undefined,
    });
  });

  test("carry what Celery names", () => {
    expect(find("task-simple")).toMatchObject({
      task: "tapp.add",
      args: [2, 3],
      kwargs: {},
      embed: { callbacks: null, errbacks: null, chain: null, chord: null },
      origin: "gen23170@vm",
      ignoreResult: false,
      headers: {},
      replyTo: "d23e8218-1365-3864-abfa-be7168fbefa6",
      priority: 0,
    });
    expect(find("eta-expires-timelimit-shadow-customheader-priority3")).toMatchObject({
      eta: Date.parse("2026-11-20T21:33:26.197Z"),
      expires: Date.parse("2026-11-20T21:34:26.197Z"),
      timeLimits: { hardMs: 30_000, softMs: 20_000 },
      shadow: "pretty.name",
      headers: { "x-tenant": "acme" },
      priority: 3,
    });
    expect(find("stamped-task")).toMatchObject({
      stampedHeaders: ["sc", "mon"],
      stamps: { sc: ["v1", "v2"], mon: "x" },
    });
    expect(find("replace-replacement")).toMatchObject({ replacedTaskNesting: 1 });
    expect(find("ignore-result-zlib-compressed")).toMatchObject({
      args: [1, 2],
      ignoreResult: true,
      headers: {},
    });
    expect(find("group-member1")).toMatchObject({ groupIndex: 1 });
    expect(find("526-retry")).toMatchObject({ retries: 1, stamps: {}, replacedTaskNesting: 0 });
    expect(find("chain-step1").embed.chain).toMatchObject([{ task: "tapp.add", args: [10] }]);
    expect(find("amqp-amqp-2")).toMatchObject({ args: [2, 3], priority: 7 });
  });
});

/** A body with Python's spaces and escapes. What compressed bytes are depends on who compresses. */
function textOf(message: EncodedMessage): string {
  const isPlain = compressionOf(message).compression === undefined;
  const text = Buffer.from(message.body).toString();
  return isPlain ? writePythonJson(JSON.parse(text), "a body") : "";
}

function find(name: string): TaskMessage {
  const found = captured.find(([known]) => known === name);
  if (!found) throw new Error(`expected a captured message named ${name}`);
  return decodeMessage(found[1]);
}

function compressionOf({ headers }: EncodedMessage): { readonly compression?: "zlib" } {
  return fieldsOf(headers)["compression"] === undefined ? {} : { compression: "zlib" };
}

/** The headers as we write the same call: what 5.2.6 leaves out, milliseconds, and lists for tuples. */
function asOurs(headers: unknown): Fields {
  const { eta, expires, kwargsrepr, ...others } = fieldsOf(headers);
  return {
    replaced_task_nesting: 0,
    stamped_headers: null,
    stamps: {},
    ...others,
    eta: cutMicroseconds(eta),
    expires: cutMicroseconds(expires),
    kwargsrepr: String(kwargsrepr)
      .replaceAll("()", "[]")
      .replaceAll(/\((\d, \d)\)/g, "[$1]"),
  };
}

function cutMicroseconds(time: unknown): unknown {
  return typeof time === "string" ? time.replace(/(\.\d{3})\d{3}/, "$1000") : time;
}

function readVectors(): (readonly [string, EncodedMessage])[] {
  const file = new URL("../../../test/celery/vectors.json", import.meta.url);
  const vectors: unknown = JSON.parse(readFileSync(file, "utf8"));
  return Array.isArray(vectors)
    ? vectors.map(fieldsOf).flatMap((vector): (readonly [string, EncodedMessage])[] => {
        const message = toMessage(vector);
        return message ? [[String(vector["name"]), message]] : [];
      })
    : [];
}

function toMessage({ envelope, message }: Fields): EncodedMessage | undefined {
  if (typeof envelope === "string") {
    const { headers, properties, body, ...types } = fieldsOf(JSON.parse(envelope));
    const {
      delivery_info: _,
      body_encoding: __,
      delivery_tag: ___,
      ...kept
    } = fieldsOf(properties);
    return {
      id: String(fieldsOf(headers)["id"]),
      headers,
      body: Buffer.from(String(body), "base64"),
      contentType: String(types["content-type"]),
      contentEncoding: String(types["content-encoding"]),
      properties: readProperties(kept),
    };
  }
  if (message === undefined) return undefined;
  const { properties, payload } = fieldsOf(message);
  const {
    headers,
    content_type: contentType,
    content_encoding: encoding,
    ...kept
  } = fieldsOf(properties);
  return {
    id: String(fieldsOf(headers)["id"]),
    headers,
    body: Buffer.from(String(payload)),
    contentType: String(contentType),
    contentEncoding: String(encoding),
    properties: readProperties(kept),
  };
}

function fieldsOf(value: unknown): Fields {
  return isRecord(value) ? value : {};
}
