import { EventEmitter } from "node:events";

import { describe, expect, test } from "vitest";

import { HoldingOutbox, type HoldingPolicy } from "./holding-outbox.ts";

/** A sink that holds what it is given until it is drained, as a socket with a slow reader does. */
class Sink extends EventEmitter {
  readonly writes: string[] = [];
  writableLength = 0;

  get writableNeedDrain(): boolean {
    return this.writableLength > 0;
  }

  write(bytes: Uint8Array): void {
    this.writes.push(Buffer.from(bytes).toString());
    this.writableLength += bytes.length;
  }

  drain(): void {
    this.writableLength = 0;
    this.emit("drain");
  }
}

interface Setup {
  readonly sink: Sink;
  readonly outbox: HoldingOutbox;
  readonly counts: { dropped: number; overflows: number };
}

function setUp(policy: HoldingPolicy, maxBytes = 10): Setup {
  const sink = new Sink();
  const counts = { dropped: 0, overflows: 0 };
  const outbox = new HoldingOutbox({
    sink,
    policy,
    maxBytes,
    onDrop: () => (counts.dropped += 1),
    onOverflow: () => (counts.overflows += 1),
  });
  return { sink, outbox, counts };
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const push = (outbox: HoldingOutbox, texts: string, keys?: string): void => {
  for (const [index, text] of texts.split("").entries()) {
    outbox.push(Buffer.from(text), keys?.[index]?.trim() || undefined);
  }
};

describe("HoldingOutbox", () => {
  test("writes once per tick, and everything, to a client that keeps up", async () => {
    const { sink, outbox, counts } = setUp("conflate");
    push(outbox, "abc", "kkk");
    await tick();
    sink.drain();
    push(outbox, "d", "k");
    await tick();
    expect(sink.writes).toEqual(["abc", "d"]);
    expect(counts.dropped).toBe(0);
  });

  test("drops the oldest that wait, in order, and never what the sink has taken", async () => {
    const { sink, outbox, counts } = setUp("drop-oldest", 4);
    push(outbox, "a");
    await tick();
    push(outbox, "bcd");
    await tick();
    push(outbox, "ef");
    push(outbox, "g");
    expect(sink.writes).toEqual(["a"]);
    sink.drain();
    expect(sink.writes).toEqual(["a", "efg"]);
    expect(counts).toEqual({ dropped: 3, overflows: 0 });
    push(outbox, "h");
    sink.drain();
    await tick();
    expect(sink.writes).toEqual(["a", "efg", "h"]);
  });

  test("goes on dropping after it has been drained in between", async () => {
    const { sink, outbox, counts } = setUp("drop-oldest", 3);
    push(outbox, "a");
    await tick();
    push(outbox, "bcdef");
    await tick();
    sink.drain();
    push(outbox, "ghijk");
    await tick();
    sink.drain();
    expect(sink.writes).toEqual(["a", "ef", "k"]);
    expect(counts.dropped).toBe(7);
  });

  test("drops a message that could never fit", async () => {
    const { sink, outbox, counts } = setUp("drop-oldest", 3);
    push(outbox, "a");
    await tick();
    push(outbox, "b");
    await tick();
    outbox.push(Buffer.from("large"));
    push(outbox, "c");
    sink.drain();
    expect(sink.writes).toEqual(["a", "c"]);
    expect(counts).toEqual({ dropped: 2, overflows: 0 });
  });

  test("lets a newer message take the older one's key, and its own place at the end", async () => {
    const { sink, outbox, counts } = setUp("conflate");
    push(outbox, "x");
    await tick();
    push(outbox, "a1b1", "a b ");
    await tick();
    push(outbox, "A-B", "a b");
    push(outbox, "Z", "a");
    sink.drain();
    expect(sink.writes).toEqual(["x", "11-BZ"]);
    expect(counts).toEqual({ dropped: 3, overflows: 0 });
  });

  test("cuts off when nothing is left to conflate", async () => {
    const { sink, outbox, counts } = setUp("conflate", 4);
    push(outbox, "x");
    await tick();
    push(outbox, "abcd", "abcd");
    await tick();
    push(outbox, "e", "e");
    expect(counts).toEqual({ dropped: 0, overflows: 1 });
    sink.drain();
    expect(sink.writes).toEqual(["x"]);
  });

  test("hands over in pieces, so that the rest can still make way", async () => {
    const { sink, outbox } = setUp("drop-oldest", 1_000_000);
    push(outbox, "x");
    await tick();
    for (let n = 0; n < 10; n++) outbox.push(Buffer.alloc(30_000));
    await tick();
    sink.drain();
    expect(sink.writes.map((write) => write.length)).toEqual([1, 60_000]);
  });

  test("writes what waits when it is flushed, and nothing once it is closed", async () => {
    const { sink, outbox } = setUp("drop-oldest");
    push(outbox, "a");
    await tick();
    push(outbox, "b");
    await tick();
    push(outbox, "c");
    outbox.flush();
    expect(sink.writes).toEqual(["a", "bc"]);
    push(outbox, "d");
    outbox.close();
    sink.drain();
    await tick();
    expect(sink.writes).toEqual(["a", "bc"]);
  });
});
