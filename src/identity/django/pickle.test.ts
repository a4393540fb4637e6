import { readFileSync } from "node:fs";

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { PickleRefused, readPickle } from "./pickle.ts";
import { readSession } from "./session.ts";

/** Written by Debian's Python 3.11: see test/python/django/make_vectors.py. */
const vectors: {
  readonly pickles: Readonly<
    Record<"plain" | "binary" | "sets" | "mutable" | "session", Readonly<Record<string, string>>>
  > & { readonly zlib: string };
  readonly refusedPickles: Readonly<Record<string, string>>;
} = JSON.parse(
  readFileSync(new URL("../../../test/python/django/vectors.json", import.meta.url), "utf8"),
);
const { pickles, refusedPickles } = vectors;

const signedIn = new Map([
  ["_auth_user_id", "7"],
  ["_auth_user_backend", "django.contrib.auth.backends.ModelBackend"],
  ["_auth_user_hash", "0".repeat(64)],
]);

const numbers = [0, 255, 256, 65_535, 65_536, -1, -(2 ** 31), 2 ** 31];
const bigNumbers = [2n ** 53n, -(2n ** 63n), 2n ** 64n, 2n ** 2100n];

const plain = new Map<string, unknown>([
  ["nothing", null],
  ["booleans", [true, false]],
  ["integers", [...numbers, ...bigNumbers]],
  ["floats", [0.5, -1e300, 1e-300]],
  ["texts", ["", "ascii", "grüße 😀", "x".repeat(300)]],
  ["tuples", [[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]],
  [
    "dicts",
    [
      new Map(),
      new Map<unknown, unknown>([
        [1, "one"],
        [[1, 2], "pair"],
      ]),
    ],
  ],
  ["many", Array.from({ length: 1100 }, (_, index) => index)],
  ["shared", [signedIn, signedIn]],
]);

describe("readPickle", () => {
  test.each(Object.entries(pickles.plain))("reads plain data of protocol %s", (_, pickle) => {
    expect(readPickle(fromBase64(pickle))).toEqual(plain);
  });

  test.each(Object.entries(pickles.binary))("reads bytes of protocol %s", (_, pickle) => {
    const bytes = [Uint8Array.of(), Uint8Array.of(0, 255), new Uint8Array(300).fill(121)];
    expect(readPickle(fromBase64(pickle))).toEqual(new Map([["bytes", bytes]]));
  });

  test.each(Object.entries(pickles.sets))("reads sets of protocol %s", (_, pickle) => {
    const sets = [new Set(), new Set([1]), new Set(["a"])];
    expect(readPickle(fromBase64(pickle))).toEqual(new Map([["sets", sets]]));
  });

  test("reads a bytearray of protocol 5", () => {
    const bytes = new Uint8Array(10).fill(122);
    expect(readPickle(fromBase64(pickles.mutable["5"]!))).toEqual(new Map([["bytearray", bytes]]));
  });

  test.each(Object.entries(refusedPickles))("refuses %s", (_, pickle) => {
    expect(() => readPickle(fromBase64(pickle))).toThrow(PickleRefused);
  });

  test("refuses every opcode that is not one of plain data", () => {
    // PROTO again, GLOBAL, INST, OBJ, REDUCE, BUILD, NEWOBJ, NEWOBJ_EX, STACK_GLOBAL, EXT1, EXT2, EXT4,
    // PERSID, BINPERSID, NEXT_BUFFER, READONLY_BUFFER, and the texts and numbers of protocol 0 and 1.
    const opcodes = [0x80, ...codes("cioRbQPFILSTUVgp"), 0x81, 0x82, 0x83, 0x84, 0x92, 0x93, 0x97];
    const all = [...opcodes, 0x98, 0x00, 0xff];
    const outcomes = all.map((opcode) => {
      try {
        // Values enough for whatever it may take.
        readPickle(Uint8Array.of(0x80, 4, ...codes("()})"), opcode, ...codes("os\nsystem\n.")));
        return "accepted";
      } catch (error) {
        return String(error);
      }
    });
    expect(outcomes).toEqual(
      all.map((it) => `PickleRefused: opcode 0x${it.toString(16)} is not one of plain data`),
    );
  });

  test.each([
    ["nothing", ""],
    ["no value", "."],
    ["two values", "NN."],
    ["something after the value", "N.N"],
    ["a value that is cut off", "X\xff\xff\xff\xffabc."],
    ["a length beyond what there can be", "\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc."],
    ["a pop of nothing", "0N."],
    ["a pop beyond a mark", "N(0."],
    ["a mark that is not there", "N1."],
    ["a mark that nothing takes", "N(."],
    ["a memo that is not there", "h\x00."],
    ["an item for what is no list", "}Na."],
    ["an item for what is no dict", "]NNs."],
    ["a key without a value", "}(Nu."],
    ["an item for what is no set", "](N\x90."],
    ["a list in a circle", "]q\x00h\x00a."],
  ])("refuses %s", (_, text) => {
    expect(() => readPickle(protocol4(text))).toThrow(PickleRefused);
  });

  test("refuses what does not begin with protocol 2 to 5", () => {
    const starts = [Buffer.of(0x80, 1), Buffer.of(0x80, 6), Buffer.of(0x81, 4), Buffer.of(0x80)];
    for (const start of starts) {
      expect(() => readPickle(Buffer.concat([start, Buffer.from("N.")]))).toThrow(
        "protocol 2 to 5",
      );
    }
  });

  test("reads 64 levels, and refuses 65, however they are built", () => {
    const fromOutside = (levels: number): string =>
      `${"]".repeat(levels + 1)}${"a".repeat(levels)}.`;
    const fromWithin = (levels: number): string => `]q\x00${"0]h\x00aq\x00".repeat(levels)}.`;
    const nested = "[".repeat(65) + "]".repeat(65);
    for (const build of [fromOutside, fromWithin]) {
      expect(JSON.stringify(readPickle(protocol4(build(64))))).toBe(nested);
      expect(() => readPickle(protocol4(build(65)))).toThrow("more than 64 levels");
    }
  });

  test("refuses few bytes that stand for very many values", () => {
    const doubled = `](NNeq\x00${"0](h\x00h\x00eq\x00".repeat(40)}.`;
    expect(() => readPickle(protocol4(doubled))).toThrow("more than 100000 values");
  });

  test("reads or refuses whatever comes, and never fails otherwise", () => {
    const pickle = fromBase64(pickles.plain["4"]!).subarray(0, 400);
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((body) => Buffer.from([0x80, 4, ...body])),
      fc
        .tuple(fc.nat(399), fc.nat(255))
        .map(([at, byte]) => Buffer.from(pickle).fill(byte, at, at + 1)),
    );
    const isHandled = (input: Buffer): boolean => {
      try {
        readPickle(input);
        return true;
      } catch (error) {
        return error instanceof PickleRefused;
      }
    };
    expect(() => fc.assert(fc.property(bytes, isHandled), { numRuns: 2000 })).not.toThrow();
  });
});

describe("readSession", () => {
  const expected = {
    userId: "7",
    backend: "django.contrib.auth.backends.ModelBackend",
    hash: "0".repeat(64),
  };

  test.each(Object.entries(pickles.session))("reads a pickle of protocol %s", (_, pickle) => {
    expect(readSession(fromBase64(pickle))).toEqual(expected);
  });

  test("reads a pickle that django-redis compressed", () => {
    expect(readSession(fromBase64(pickles.zlib))).toEqual(expected);
  });

  test("reads JSON, and a primary key that is a number", () => {
    const session = { ...Object.fromEntries(signedIn), _auth_user_id: 7 };
    expect(readSession(Buffer.from(JSON.stringify(session)))).toEqual(expected);
  });

  test("finds nobody in what is no session", () => {
    const texts = ["", "{", "{}", "[]", "null", "x\x9c", "\x80\x04.", "\x80\x04N.", "garbage"];
    const hostile = Object.values(refusedPickles).map(fromBase64);
    const inputs = [...texts.map((text) => Buffer.from(text, "latin1")), ...hostile];
    expect(inputs.map(readSession)).toEqual(inputs.map(() => null));
  });

  test("finds nobody in a session that lacks one of the three fields", () => {
    const partial = [...signedIn.keys()].map((name) =>
      Object.fromEntries([...signedIn].filter(([key]) => key !== name)),
    );
    const read = partial.map((session) => readSession(Buffer.from(JSON.stringify(session))));
    expect(read).toEqual([null, null, null]);
  });

  test("finds nobody in more than a session may have", () => {
    const session = { ...Object.fromEntries(signedIn), note: "x".repeat(1_048_576) };
    expect(readSession(Buffer.from(JSON.stringify(session)))).toBeNull();
  });
});

function fromBase64(text: string): Buffer {
  return Buffer.from(text, "base64");
}

/** A pickle of protocol 4, whose opcodes are written as characters. */
function protocol4(text: string): Buffer {
  return Buffer.concat([Buffer.of(0x80, 4), Buffer.from(text, "latin1")]);
}

function codes(text: string): number[] {
  return [...Buffer.from(text, "latin1")];
}
