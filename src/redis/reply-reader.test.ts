import { describe, expect, test } from "vitest";

import { RedisRefusal } from "./redis-errors.ts";
import { ReplyReader } from "./reply-reader.ts";

/** Reads bytes that come in these pieces; texts are easier to compare than bytes. */
function read(pieces: readonly Buffer[]): readonly unknown[] {
  const replies: unknown[] = [];
  const reader = new ReplyReader((reply) => replies.push(toPlain(reply)));
  for (const piece of pieces) reader.push(piece);
  return replies;
}

function toPlain(reply: unknown): unknown {
  if (Buffer.isBuffer(reply)) return reply.toString();
  if (reply instanceof RedisRefusal) return { refused: reply.reply };
  return Array.isArray(reply) ? reply.map(toPlain) : reply;
}

const BYTES = Buffer.from(
  "+OK\r\n:-12\r\n$-1\r\n*-1\r\n$0\r\n\r\n$7\r\né\r\n€\r\n*0\r\n-ERR no\r\n" +
    "*3\r\n:1\r\n*2\r\n$1\r\na\r\n$-1\r\n*1\r\n*0\r\n*3\r\n:1\r\n*1\r\n-WRONGTYPE x\r\n:2\r\n:7\r\n",
);

const REPLIES = [
  "OK",
  -12,
  null,
  null,
  "",
  "é\r\n€",
  [],
  { refused: "ERR no" },
  [1, ["a", null], [[]]],
  { refused: "WRONGTYPE x" },
  7,
];

describe("replies of Redis", () => {
  test("are read as they come", () => {
    expect(read([BYTES])).toEqual(REPLIES);
  });

  test("are read in two pieces, wherever they are cut", () => {
    for (let at = 0; at <= BYTES.length; at++) {
      expect(read([BYTES.subarray(0, at), BYTES.subarray(at)])).toEqual(REPLIES);
    }
  });

  test("are read byte by byte", () => {
    expect(read(Array.from(BYTES, (byte) => Buffer.of(byte)))).toEqual(REPLIES);
  });

  test("are refused when they are none", () => {
    expect(() => read([Buffer.from("HTTP/1.1 400\r\n")])).toThrow(/expected a reply of Redis/);
  });
});
