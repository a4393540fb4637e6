import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { frameHeaderLength } from "../protocol/index.ts";
import { FrameReader, type FrameLimits } from "./frame-reader.ts";

const LIMITS: FrameLimits = { maxMessageBytes: 100_000, maxFragments: 4 };
const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0x0, 0x1, 0x2, 0x8, 0x9, 0xa];
const FINAL = 0x80;

describe("FrameReader", () => {
  test.each([0, 1, 125, 126, 65_535, 65_536, 100_000])("reads a text of %i bytes", (length) => {
    const text = "é".repeat(length / 2) + (length % 2 === 1 ? "x" : "");
    expect(read([frame(FINAL | TEXT, Buffer.from(text))])).toEqual([text]);
  });

  test("reads bytes, pings, pongs and a close", () => {
    const close = Buffer.from([0x03, 0xe8, 0x62, 0x79, 0x65]);
    const said = read([
      frame(FINAL | BINARY, Buffer.from([0, 255])),
      frame(FINAL | PING, Buffer.from("a")),
      frame(FINAL | PONG),
      frame(FINAL | CLOSE, close),
    ]);
    expect(said).toEqual([Buffer.from([0, 255]), "ping a", "pong", "close 1000 bye"]);
  });

  test("puts together what is cut into pieces, wherever they are cut", () => {
    const message = fc.oneof(fc.string({ unit: "binary", maxLength: 200 }), fc.uint8Array());
    const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), cuts, (messages, sizes) => {
        const bytes = Buffer.concat(
          messages.map((each) =>
            typeof each === "string"
              ? frame(FINAL | TEXT, Buffer.from(each))
              : frame(FINAL | BINARY, Buffer.from(each)),
          ),
        );
        const expected = messages.map((each) =>
          typeof each === "string" ? Buffer.from(each).toString() : Buffer.from(each),
        );
        expect(read(cut(bytes, sizes))).toEqual(expected);
      }),
    );
  });

  test("puts a fragmented message together, with a ping in between", () => {
    const [one = 0, two = 0] = Buffer.from("é");
    const said = read([
      frame(TEXT, Buffer.from([0x61, one])),
      frame(FINAL | PING),
      frame(CONTINUATION, Buffer.from([two])),
      frame(FINAL | CONTINUATION, Buffer.from("z")),
      frame(FINAL | TEXT, Buffer.from("next")),
    ]);
    expect(said).toEqual(["ping ", "aéz", "next"]);
  });

  test("refuses a frame that is not masked as soon as its length is there", () => {
    expect(read([Buffer.from([FINAL | TEXT, 0x01])])).toEqual(["violation 1002"]);
    expect(read([Buffer.from([FINAL | TEXT]), Buffer.from([0x01])])).toEqual(["violation 1002"]);
    expect(read([Buffer.from([FINAL | TEXT])])).toEqual([]);
  });

  test("a text may hold the very character that stands for what is no text", () => {
    expect(read([frame(FINAL | TEXT, Buffer.from("\uFFFD"))])).toEqual(["\uFFFD"]);
  });

  test.each<[name: string, frames: readonly Buffer[], code: number]>([
    ["a frame without a mask", [Buffer.from([FINAL | TEXT, 1, 0x61, 0, 0, 0, 0])], 1002],
    ["a reserved bit", [frame(FINAL | 0x40 | TEXT)], 1002],
    ["an unknown opcode", [frame(FINAL | 0x3)], 1002],
    ["an unknown control opcode", [frame(FINAL | 0xb)], 1002],
    ["a fragmented ping", [frame(PING)], 1002],
    ["a ping of 126 bytes", [frame(FINAL | PING, Buffer.alloc(126))], 1002],
    [
      "a ping whose length takes more bytes than it needs",
      [Buffer.from([FINAL | PING, 0x80 | 126, 0, 1, 0, 0, 0, 0, 0x61])],
      1002,
    ],
    ["a continuation of nothing", [frame(FINAL | CONTINUATION)], 1002],
    ["a message within a message", [frame(TEXT), frame(FINAL | TEXT)], 1002],
    ["a close of one byte", [frame(FINAL | CLOSE, Buffer.from([3]))], 1002],
    [
      "a close with a code that is never sent",
      [frame(FINAL | CLOSE, Buffer.from([3, 0xed]))],
      1002,
    ],
    [
      "a close with a reason that is no text",
      [frame(FINAL | CLOSE, Buffer.from([3, 0xe8, 0xff]))],
      1007,
    ],
    ["a text that is no text", [frame(FINAL | TEXT, Buffer.from([0xc3, 0x28]))], 1007],
    ["a text that ends within a character", [frame(FINAL | TEXT, Buffer.from([0xc3]))], 1007],
    ["a message that is too large", [frame(FINAL | BINARY, Buffer.alloc(100_001))], 1009],
    [
      "fragments that are too large together",
      [frame(BINARY, Buffer.alloc(60_000)), frame(FINAL | CONTINUATION, Buffer.alloc(60_000))],
      1009,
    ],
    [
      "too many fragments",
      [frame(BINARY), ...Array.from({ length: 4 }, () => frame(CONTINUATION))],
      1008,
    ],
  ])("%s is a violation, and nothing follows", (_name, frames, code) => {
    const bytes = Buffer.concat([...frames, frame(FINAL | PING)]);
    expect(read([bytes])).toEqual([`violation ${code}`]);
    expect(read(cut(bytes, [1]))).toEqual([`violation ${code}`]);
  });

  test("a length that no message has is refused before any of it is waited for", () => {
    const head = [FINAL | BINARY, 0x80 | 127, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0];
    expect(read([Buffer.from(head)])).toEqual(["violation 1009"]);
  });

  test("what follows a close is not read", () => {
    const frames = [frame(FINAL | CLOSE), frame(FINAL | TEXT, Buffer.from("late"))];
    expect(read([Buffer.concat(frames)])).toEqual(["close 1005 "]);
    expect(read(frames)).toEqual(["close 1005 "]);
  });
});

/** What a reader tells of these chunks. */
function read(chunks: readonly Buffer[]): readonly (string | Uint8Array)[] {
  const said: (string | Uint8Array)[] = [];
  const reader = new FrameReader(
    {
      onMessage: (data) => void said.push(data),
      onPing: (payload) => void said.push(`ping ${Buffer.from(payload).toString()}`),
      onPong: () => void said.push("pong"),
      onCloseFrame: (code, reason) => void said.push(`close ${code} ${reason}`),
      onViolation: (code) => void said.push(`violation ${code}`),
    },
    LIMITS,
  );
  for (const chunk of chunks) reader.read(Buffer.from(chunk));
  return said;
}

/** A frame of a client, masked with a key that changes every byte. */
function frame(first: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const mask = Buffer.from([0x12, 0x34, 0x56, 0xf8]);
  const { length } = payload;
  const head = Buffer.alloc(frameHeaderLength(length));
  const short = { 2: length, 4: 126, 10: 127 }[frameHeaderLength(length)];
  head[0] = first;
  head[1] = 0x80 | short;
  if (short === 126) head.writeUInt16BE(length, 2);
  if (short === 127) head.writeBigUInt64BE(BigInt(length), 2);
  const masked = payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
  return Buffer.concat([head, mask, masked]);
}

/** Cuts bytes into pieces of these sizes, over and over. */
function cut(bytes: Buffer, sizes: readonly number[]): readonly Buffer[] {
  const pieces: Buffer[] = [];
  for (let start = 0, turn = 0; start < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    pieces.push(bytes.subarray(start, start + size));
    start += size;
  }
  return pieces;
}
