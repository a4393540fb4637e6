import { deflateSync, gzipSync } from "node:zlib";

import { describe, expect, test } from "vitest";

import { decodeMessage } from "./decode.ts";
import { encodeMessage } from "./encode.ts";
import type { EncodedMessage } from "./message.ts";
import { Decimal } from "./typed-values.ts";

const call = {
  id: "one",
  task: "tasks.add",
  args: [1, "é", 2 ** 40, null],
  kwargs: { deep: [true] },
};

describe.each(["json", "msgpack", "yaml"] as const)("a message in %s", (serializer) => {
  test.each([undefined, "zlib", "gzip", "brotli", "zstd"] as const)(
    "compressed by %s decodes to the same call",
    (compression) => {
      const message = encodeMessage(call, { serializer, compression });
      expect(decodeMessage(message, { accept: [serializer] })).toMatchObject(call);
    },
  );

  test("carries integers beyond 2^53, NaN and bytes", () => {
    const args = [2n ** 60n, -(2n ** 60n), Number.NaN, new Uint8Array([1, 255])];
    const message = encodeMessage({ ...call, args }, { serializer });
    expect(decodeMessage(message, { accept: [serializer] }).args).toEqual(args);
  });

  test("is refused where it is not accepted", () => {
    const accept = serializer === "json" ? (["msgpack"] as const) : (["json"] as const);
    const message = encodeMessage(call, { serializer });
    expect(() => decodeMessage(message, { accept })).toThrow(
      expect.objectContaining({ code: "MESSAGE_NOT_ACCEPTED" }),
    );
  });
});

describe("YAML", () => {
  function read(text: string): unknown {
    const body = Buffer.from(`[[${text}], {}, {}]`);
    const message = withBody(body, { contentType: "application/x-yaml" });
    return decodeMessage(message, { accept: ["yaml"] }).args[0];
  }

  test("is read only where it is accepted", () => {
    const message = encodeMessage(call, { serializer: "yaml" });
    expect(message).toMatchObject({
      contentType: "application/x-yaml",
      contentEncoding: "utf-8",
    });
    expect(() => decodeMessage(message)).toThrow(
      expect.objectContaining({ code: "MESSAGE_NOT_ACCEPTED" }),
    );
  });

  test("carries dates, and decimals as text", () => {
    const args = [new Date(5), [new Decimal("1.10")]];
    const message = encodeMessage({ ...call, args }, { serializer: "yaml" });
    expect(decodeMessage(message, { accept: ["yaml"] }).args).toEqual([new Date(5), ["1.10"]]);
  });

  test("is what PyYAML writes", () => {
    expect(read("2026-11-20 20:59:05.004000+00:00")).toEqual(new Date("2026-11-20T20:59:05.004Z"));
    expect(read("!!binary //8=")).toEqual(new Uint8Array([255, 255]));
    expect(read("[yes, 'yes', 0o7, 017, .nan, 1_000, null]")).toEqual([
      true,
      "yes",
      "0o7",
      15,
      Number.NaN,
      1_000,
      null,
    ]);
  });

  test.each([
    ["an object of Python's", "!!python/object/apply:os.system [ls]"],
    ["a tag that we do not know", "!own 1"],
    ["text that ends early", "[1"],
    ["an alias of nothing", "*a"],
    [
      "aliases that blow up",
      `[&a [x,x,x,x,x,x,x,x,x], ${"bcdefghi"
        .split("")
        .map((name, index) => `&${name} [${`*${"abcdefgh"[index]},`.repeat(9)}]`)
        .join()}]`,
    ],
    ["levels without end", "[".repeat(20_000)],
  ])("refuses %s", (_name, text) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: "MESSAGE_INVALID" }));
  });
});

describe("JSON for Celery before 5.3", () => {
  test("has text for dates and decimals, and no bytes", () => {
    const args = [new Date(5), [new Decimal("1.10")], 2n ** 64n, Number.NaN];
    const options = { typedValues: false };
    const message = encodeMessage({ ...call, args }, options);
    expect(decodeMessage(message).args).toEqual([new Date(5).toJSON(), ["1.10"], ...args.slice(2)]);
    const bytes = { ...call, args: [[new Uint8Array([1])]] };
    expect(() => encodeMessage(bytes, options)).toThrow("expected no bytes in arguments");
  });
});

describe("MessagePack", () => {
  test("carries dates and decimals as text", () => {
    const args = [new Date(0), [new Decimal("1.10")]];
    const message = encodeMessage({ ...call, args }, { serializer: "msgpack" });
    expect(decodeMessage(message).args).toEqual(["1970-01-01T00:00:00.000Z", ["1.10"]]);
  });

  test("reads an integer of 64 bits that is safe as a number", () => {
    const small = [0xcf, 0, 0, 0, 0, 0, 0, 0, 7];
    const body = Buffer.from([0x93, 0x91, ...small, 0x80, 0x80]);
    const message = withBody(body, { contentType: "application/x-msgpack" });
    expect(decodeMessage(message).args).toEqual([7]);
  });

  test.each([
    ["a length that is more than what came", [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ["an extension", [0x93, 0xc7, 0x01, 0x05, 0x00, 0x80, 0x80]],
    ["a key that names a prototype", [0x81, 0xa9, ...Buffer.from("__proto__"), 0x80]],
    ["nothing", []],
  ])("refuses %s", (_name, bytes) => {
    const message = withBody(Buffer.from(bytes), { contentType: "application/x-msgpack" });
    expect(() => decodeMessage(message)).toThrow(
      expect.objectContaining({ code: "MESSAGE_INVALID" }),
    );
  });
});

describe("a compressed message", () => {
  const json = Buffer.from("[[1],{},{}]");

  test.each([
    ["zlib under the name gzip", "application/x-gzip", deflateSync(json)],
    ["gzip itself", "gzip", gzipSync(json)],
  ])("is read: %s", (_name, compression, body) => {
    expect(decodeMessage(withBody(body, {}, { compression })).args).toEqual([1]);
  });

  test.each([
    [
      "what grows beyond the bound",
      "zlib",
      deflateSync(Buffer.alloc(100_000)),
      "MESSAGE_TOO_LARGE",
    ],
    ["what is not compressed", "zlib", json, "MESSAGE_INVALID"],
    ["what Node cannot read", "application/x-bz2", json, "MESSAGE_NOT_ACCEPTED"],
    ["a name that is none", "constructor", json, "MESSAGE_NOT_ACCEPTED"],
    ["a header that is no text", 7, json, "MESSAGE_NOT_ACCEPTED"],
  ])("is refused: %s", (...[, compression, body, code]) => {
    const message = withBody(body, {}, { compression });
    expect(() => decodeMessage(message, { maxBytes: 50_000 })).toThrow(
      expect.objectContaining({ code }),
    );
  });
});

describe("a body", () => {
  test.each([
    ["pickle", "application/x-python-serialize", /pickle, which runs whatever/],
    ["bytes", "application/data", /got "application\/data"/],
    ["nothing that is named", "", /got ""/],
  ])("of %s is refused", (_name, contentType, reason) => {
    expect(() => decodeMessage(withBody(Buffer.from("[[],{},{}]"), { contentType }))).toThrow(
      reason,
    );
  });

  test("that is larger than the bound is refused", () => {
    const message = encodeMessage({ ...call, args: ["x".repeat(100)] });
    expect(() => decodeMessage(message, { maxBytes: 100 })).toThrow("at most 100 bytes, got");
  });

  test("in another encoding of text is read", () => {
    const body = Buffer.from('[["é"],{},{}]', "latin1");
    expect(decodeMessage(withBody(body, { contentEncoding: "latin1" })).args).toEqual(["é"]);
  });
});

function withBody(
  body: Uint8Array,
  part: Partial<EncodedMessage> = {},
  headers: Readonly<Record<string, unknown>> = {},
): EncodedMessage {
  const message = encodeMessage({ id: "one", task: "t" });
  return { ...message, ...part, headers: { id: "one", task: "t", ...headers }, body };
}
