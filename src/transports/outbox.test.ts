import { describe, expect, test } from "vitest";

import { Outbox } from "./outbox.ts";

class Sink {
  readonly writes: Uint8Array[] = [];
  writableLength = 0;

  write(bytes: Uint8Array): void {
    this.writes.push(bytes);
  }
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("Outbox", () => {
  test("writes once per tick what the tick brought, in order", async () => {
    const sink = new Sink();
    const outbox = new Outbox({ sink, maxBytes: 100, onOverflow() {} });
    outbox.push(bytes("a"));
    outbox.push(bytes("b"));
    expect(sink.writes).toEqual([]);
    await tick();
    outbox.push(bytes("c"));
    await tick();
    expect(sink.writes.map(String)).toEqual(["ab", "c"].map((text) => String(bytes(text))));
  });

  test("lets outboxes with the same messages share their bytes", async () => {
    const sinks = [new Sink(), new Sink(), new Sink()];
    const outboxes = sinks.map((sink) => new Outbox({ sink, maxBytes: 100, onOverflow() {} }));
    const [first, second] = [bytes("a"), bytes("b")];
    for (const outbox of outboxes.slice(0, 2)) {
      outbox.push(first);
      outbox.push(second);
    }
    outboxes[2]?.push(first);
    await tick();
    expect(sinks[0]?.writes[0]).toBe(sinks[1]?.writes[0]);
    expect(sinks[2]?.writes[0]).toBe(first);
  });

  test("counts what the sink holds, and at the bound drops everything and says so once", async () => {
    const sink = new Sink();
    let overflows = 0;
    const outbox = new Outbox({ sink, maxBytes: 10, onOverflow: () => (overflows += 1) });
    sink.writableLength = 8;
    outbox.push(bytes("12"));
    expect(overflows).toBe(0);
    outbox.push(bytes("3"));
    outbox.push(bytes("4"));
    await tick();
    expect(overflows).toBe(1);
    expect(sink.writes).toEqual([]);
  });
});
