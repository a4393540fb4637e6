import { readFileSync } from "node:fs";

import { decode as decodeMsgpack } from "@msgpack/msgpack";
import { describe, expect, test } from "vitest";

import { isTidingsError } from "../../core/errors.ts";
import type { LayerMessage, LayerValue } from "../layer.ts";
import { isolateMessage } from "../message.ts";
import { markRecorded, recordedGroup } from "../recorded.ts";
import { createCodec, type CodecOptions } from "./codec.ts";

interface Vector {
  readonly id: string;
  readonly version: string;
  readonly layer: "core" | "pubsub";
  readonly args: readonly [string, unknown];
  readonly config: {
    readonly serializer_format?: "json";
    readonly symmetric_encryption_keys?: string[];
    readonly random_prefix_length?: number;
  };
  readonly redis: readonly {
    readonly member_hex?: string;
    readonly payload_hex?: string;
    readonly score?: string;
    readonly asgi_channel?: string | readonly string[] | null;
  }[];
}

/** What channels_redis really wrote into Redis. */
const captured: readonly Vector[] = JSON.parse(
  readFileSync(new URL("../../../test/python/channels-vectors.json", import.meta.url), "utf8"),
) as readonly Vector[];
const messages = captured.filter(({ id }) => id !== "core-group-add");

describe("the captured messages of channels_redis", () => {
  test.each(messages)("$id of $version is read", (vector) => {
    const { message, channels } = createCodec(options(vector)).decode(bytesOf(vector));
    expect(message).toEqual(messageOf(vector));
    expect(channels).toEqual([vector.redis[0]?.asgi_channel ?? []].flat());
  });

  const readable = messages.filter(({ config }) => !config.symmetric_encryption_keys);
  test.each(readable)("$id of $version is written byte for byte", (vector) => {
    const codec = createCodec({ ...options(vector), randomPrefixLength: 0 });
    const channels = vector.redis[0]?.asgi_channel ?? undefined;
    const written = codec.encode(messageOf(vector), channels).toString("hex");
    // Python has 1.0 apart from 1; here both are one number, written as an integer.
    const expected = bytesOf(vector).subarray(prefixLength(vector)).toString("hex");
    expect(written).toBe(expected.replace("a3666c31cb3ff0000000000000", "a3666c3101"));
  });

  test("there are all of them", () => {
    expect(messages.length).toBe(25);
  });
});

describe.each(["msgpack", "json"] as const)("the %s codec", (format) => {
  test.each([
    ["the ends of 64 bits", { a: 2n ** 64n - 1n, b: -(2n ** 63n), c: 2n ** 53n }],
    [
      "safe integers",
      { a: Number.MAX_SAFE_INTEGER, b: Number.MIN_SAFE_INTEGER, c: 2 ** 32, d: -1 },
    ],
    ["numbers that are no integers", { a: 0.1, b: 5e-324, c: 1.5e300, d: Infinity, e: -Infinity }],
    ["what is not a number", { a: NaN, b: [NaN, "NaN Infinity 12345678901234567890"] }],
    ["text", { a: "", b: 'é🐍\u007f\u0000"\\\n', c: "\uFFFD", d: "x".repeat(70_000) }],
    ["nesting and nothing", { a: null, b: [[], {}, [true, false]], c: { d: { e: [1] } } }],
    ["long lists and maps", { a: Array.from({ length: 70_000 }, (_, n) => n), b: wide(70) }],
  ] as const)("carries %s", (_what, fields) => {
    const { message } = isolateMessage({ type: "t", ...fields });
    const codec = createCodec({ format });
    expect(codec.decode(codec.encode(message)).message).toEqual(message);
  });

  test("writes a small bigint as the number it is", () => {
    const codec = createCodec({ format });
    const small = codec.encode({ type: "t", a: 5n, b: [-3n, 2n ** 40n] });
    expect(small).toEqual(codec.encode({ type: "t", a: 5, b: [-3, 2 ** 40] }));
  });

  test("keeps a field named __proto__ a field", () => {
    const parsed = JSON.parse(
      '{"type": "t", "deep": {"__proto__": {"x": 1099511627776}}}',
    ) as LayerMessage;
    const codec = createCodec({ format });
    const { message } = codec.decode(codec.encode(isolateMessage(parsed).message));
    expect(JSON.stringify(message)).toBe('{"type":"t","deep":{"__proto__":{"x":1099511627776}}}');
    expect((message["deep"] as { x?: number }).x).toBeUndefined();
  });

  test("freezes what it reads, all the way down", () => {
    const codec = createCodec({ format });
    const { message } = codec.decode(codec.encode({ type: "t", a: [{ b: 1 }] }, "one"));
    const [inner] = message["a"] as readonly [object];
    expect([message, message["a"], inner].every(Object.isFrozen)).toBe(true);
  });

  test("refuses to write the field that belongs to the layer", () => {
    expect(() => createCodec({ format }).encode({ type: "t", __asgi_channel__: "x" })).toThrow(
      "belongs to the layer",
    );
  });

  test("refuses random bytes without a crash, and never with their content", () => {
    const codec = createCodec({ format });
    const valid = codec.encode({ type: "secret", a: [1.5, "text", { b: 2n ** 60n }] });
    let seed = 42;
    const random = (): number => (seed = (seed * 1_103_515_245 + 12_345) & 0x7fff_ffff);
    const refusals: unknown[] = [];
    for (let round = 0; round < 3_000; round++) {
      const bytes = Buffer.from(valid.subarray(0, 1 + (random() % valid.length)));
      bytes[random() % bytes.length] = random() >> 8;
      try {
        codec.decode(bytes);
      } catch (error) {
        refusals.push(error);
      }
    }
    expect(refusals.length).toBeGreaterThan(1_000);
    expect(refusals.filter((error) => !isTidingsError(error, "LAYER_INVALID_MESSAGE"))).toEqual([]);
    expect(refusals.filter((error) => String(error).includes("secret"))).toEqual([]);
  });
});

describe("the msgpack codec", () => {
  test("carries bytes, apart from the buffer they came in", () => {
    const codec = createCodec();
    const wire = codec.encode({ type: "t", a: Uint8Array.of(0, 255), b: new Uint8Array(70_000) });
    const decoded = codec.decode(wire);
    wire.fill(7);
    expect(decoded.hasBytes).toBe(true);
    expect(decoded.message["a"]).toEqual(Uint8Array.of(0, 255));
  });

  test.each([
    ["an integer as a key", "82a474797065a17401a178", "a key of a map is not text"],
    ["bytes as a key", "82a474797065a174c40161a178", "a key of a map is not text"],
    ["an extension", "82a474797065a174a161d4050a", "extension types"],
    ["a timestamp", "82a474797065a174a161d6ff00000000", "extension types"],
    ["a list longer than the message", "82a474797065a174a161ddffffffff", "ends too early"],
    ["a map longer than the message", "dfffffffff", "ends too early"],
    ["a text longer than the message", "81a474797065dbffffffff41", "ends too early"],
    ["text that is not UTF-8", "81a474797065a2ff61", "not UTF-8"],
    ["two values", "81a474797065a174c0", "bytes follow"],
    ["nothing", "", "ends too early"],
    ["endless nesting", "82a474797065a174a161" + "91".repeat(100) + "c0", "deeper than 64"],
    ["no map", "a161", "`type`"],
    ["no type", "80", "`type`"],
    ["a type that is no text", "81a47479706501", "`type`"],
    ["channels that are none", "82a474797065a174b05f5f617367695f6368616e6e656c5f5f9101", "__asgi"],
  ])("refuses %s", (_what, hex, why) => {
    const read = (): unknown => createCodec().decode(Buffer.from(hex, "hex"));
    expect(read).toThrow(why);
    expect(read).toThrow(expect.objectContaining({ code: "LAYER_INVALID_MESSAGE" }));
  });

  test("refuses half a surrogate pair, which Python could not read", () => {
    expect(() => createCodec().encode({ type: "t", a: ["\ud800"] })).toThrow("surrogate");
    expect(() => createCodec().encode({ type: "t", "\ud800": 1 })).toThrow("surrogate");
  });

  test("reads floats of 32 bits, which others write", () => {
    const wire = Buffer.from("82a474797065a174a161ca3fc00000", "hex");
    expect(createCodec().decode(wire).message).toEqual({ type: "t", a: 1.5 });
  });
});

describe("the json codec", () => {
  const codec = createCodec({ format: "json" });

  test("writes numbers as Python does", () => {
    const numbers = [
      1e16,
      1.5e16,
      1e-5,
      1.25e-7,
      1e-4,
      123_456.789,
      1e22,
      9.5e15,
      -0.5,
      NaN,
      -Infinity,
    ];
    // json.dumps({"type": "t", "n": [1e16, 1.5e16, 1e-5, ...]})
    const expected =
      '{"type": "t", "n": [1e+16, 1.5e+16, 1e-05, 1.25e-07, 0.0001, 123456.789, 1e+22, 9500000000000000.0, -0.5, NaN, -Infinity]}';
    expect(codec.encode({ type: "t", n: numbers }).toString()).toBe(expected);
  });

  test("carries half a surrogate pair, escaped, as Python does", () => {
    const wire = codec.encode({ type: "t", a: "\ud800" });
    expect(wire.toString()).toBe('{"type": "t", "a": "\\ud800"}');
    expect(codec.decode(wire).message).toEqual({ type: "t", a: "\ud800" });
  });

  test("refuses to write bytes, and says what to do", () => {
    expect(() => codec.encode({ type: "t", a: [Uint8Array.of(1)] })).toThrow("the format msgpack");
  });

  test.each([
    ["bytes that are not UTF-8", Buffer.from([0xff])],
    ["no JSON", Buffer.from('{"type": tidings}')],
    ["an integer beyond 64 bits", Buffer.from(`{"type": "t", "n": ${2n ** 70n}}`)],
    ["no object", Buffer.from("[NaN]")],
    [
      "endless nesting",
      Buffer.from(`{"type": "t", "n": ${"[".repeat(5_000)}${"]".repeat(5_000)}}`),
    ],
  ])("refuses %s", (_what, wire) => {
    expect(() => codec.decode(wire)).toThrow(
      expect.objectContaining({ code: "LAYER_INVALID_MESSAGE" }),
    );
  });
});

describe("createCodec", () => {
  test("makes equal messages differ by a random prefix, unless told not to", () => {
    const written = (randomPrefixLength: number): string[] => {
      const codec = createCodec({ randomPrefixLength });
      return [codec.encode({ type: "t" }), codec.encode({ type: "t" })].map(String);
    };
    expect(new Set(written(12)).size).toBe(2);
    expect(new Set(written(0)).size).toBe(1);
    expect(new Set(written(-1)).size).toBe(1);
  });

  test("refuses options that make no sense", () => {
    expect(() => createCodec({ format: "pickle" as "json" })).toThrow("one of msgpack, json");
    expect(() => createCodec({ symmetricEncryptionKeys: "key" as unknown as [] })).toThrow(
      "a list",
    );
    expect(() => createCodec({ randomPrefixLength: 0.5 })).toThrow("an integer");
  });
});

function options(vector: Vector): CodecOptions {
  const score = vector.redis[0]?.score;
  return {
    format: vector.config.serializer_format,
    // The library of 4.0.0 does not encrypt here, although it was told to.
    symmetricEncryptionKeys:
      vector.id === "pubsub-encrypted" && vector.version === "4.0.0"
        ? []
        : vector.config.symmetric_encryption_keys,
    maxAgeMs: vector.layer === "core" ? 70_000 : undefined,
    randomPrefixLength: prefixLength(vector),
    now: () => Number(score) * 1000,
  };
}

function prefixLength({ layer, config }: Vector): number {
  return layer === "core" ? (config.random_prefix_length ?? 12) : 0;
}

function bytesOf({ redis: [first] }: Vector): Buffer {
  return Buffer.from(first?.member_hex ?? first?.payload_hex ?? "", "hex");
}

function messageOf({ args: [, message] }: Vector): LayerMessage {
  return isolateMessage(revive(message) as LayerMessage).message;
}

/** Undoes how the captured file writes integers beyond JSON, and bytes. */
function revive(value: unknown): LayerValue {
  if (typeof value !== "object" || value === null) return value as LayerValue;
  if (Array.isArray(value)) return value.map(revive);
  if ("$int" in value) return BigInt(String(value.$int));
  if ("$bytes" in value) return Uint8Array.from(Buffer.from(String(value.$bytes), "hex"));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revive(item)]));
}

function wide(size: number): LayerValue {
  return Object.fromEntries(Array.from({ length: size }, (_, n) => [`key${n}`, n]));
}

describe("the mark of a message that is in a history", () => {
  const fields = (count: number): object =>
    Object.fromEntries(Array.from({ length: count }, (_, n) => [`f${n}`, n]));
  const group = "g".repeat(99);

  test.each([0, 13, 14, 15, 300, 70_000])("goes with one of %i fields in msgpack", (count) => {
    const codec = createCodec();
    const message = markRecorded({ type: "t", ...fields(count) }, group);
    for (const channels of [undefined, ["a", "b"]]) {
      const bytes = codec.encode(message, channels);
      const decoded = codec.decode(bytes);
      expect(recordedGroup(decoded.message)).toBe(group);
      expect(decoded.message).toEqual(message);
      const plain = { ...message, ...(channels && { __asgi_channel__: channels }) };
      expect(decodeMsgpack(bytes)).toEqual(plain);
    }
  });

  test("goes with one in JSON, and nobody else sees it", () => {
    const codec = createCodec({ format: "json" });
    const message = markRecorded({ type: "t", text: 'tidings.recorded:"' }, group);
    const bytes = codec.encode(message);
    expect(recordedGroup(codec.decode(bytes).message)).toBe(group);
    expect(JSON.parse(bytes.toString())).toEqual(message);
  });

  test.each(["msgpack", "json"] as const)("is in no message in %s without one", (format) => {
    const codec = createCodec({ format });
    for (const message of [{ type: "t" }, { type: "tidings.recorded", text: "x" }]) {
      expect(recordedGroup(codec.decode(codec.encode(message)).message)).toBeUndefined();
    }
  });
});
