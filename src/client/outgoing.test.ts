import { describe, expect, onTestFinished, test, vi } from "vitest";

import { Outgoing, toEnvelope, type Carrier } from "./outgoing.ts";

/** Takes messages, and answers none. */
function makeCarrier(): { readonly carried: number[]; readonly carry: Carrier } {
  const carried: number[] = [];
  return {
    carried,
    carry: async (messages) => void carried.push(...messages.map(({ id }) => id)),
  };
}

/** What becomes of some promises, as far as it is known. */
function watch(promises: readonly Promise<unknown>[]): unknown[] {
  const outcomes: unknown[] = [];
  for (const promise of promises) {
    promise.then(
      (value) => outcomes.push(value),
      (error: { readonly code?: string }) => outcomes.push(error.code),
    );
  }
  return outcomes;
}

describe("outgoing messages", () => {
  test("wait for a carrier up to a bound, and go in order", async () => {
    const outgoing = new Outgoing(2);
    const { carried, carry } = makeCarrier();
    const outcomes = watch([1, 2, 3].map((n) => outgoing.add(`${n}`, false, 10_000)));
    outgoing.begin(carry, true);
    await expect.poll(() => outcomes).toEqual(["CLIENT_OVERLOADED"]);
    expect(carried).toEqual([1, 2]);
    outgoing.answer({ ack: 2, data: "two" });
    outgoing.answer({ ack: 1, error: { code: "REQUEST_FAILED", message: "no" } });
    await expect.poll(() => outcomes).toEqual(["CLIENT_OVERLOADED", "two", "REQUEST_FAILED"]);
  });

  test("without an answer go again over the same connection, and have failed with another", async () => {
    const outgoing = new Outgoing(10);
    const [first, second, third] = [makeCarrier(), makeCarrier(), makeCarrier()];
    const outcomes = watch([outgoing.add("1", false, 10_000), outgoing.add("2", false, 10_000)]);
    outgoing.begin(first.carry, true);
    outgoing.answer({ ack: 1 });
    outgoing.pause();
    outcomes.push(...watch([outgoing.add("3", false, 10_000)]));
    outgoing.begin(second.carry, true);
    expect([first.carried, second.carried]).toEqual([
      [1, 2],
      [2, 3],
    ]);
    outgoing.pause();
    const late = watch([outgoing.add("4", false, 10_000)]);
    outgoing.begin(third.carry, false);
    await expect.poll(() => outcomes).toEqual([undefined, "CLIENT_CLOSED"]);
    expect(third.carried).toEqual([4]);
    outgoing.close({});
    await expect.poll(() => late).toEqual(["CLIENT_CLOSED"]);
  });

  test("whose time is over are not sent any more", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const outgoing = new Outgoing(10);
    const { carried, carry } = makeCarrier();
    const early = outgoing.add("1", false, 100);
    vi.advanceTimersByTime(100);
    await expect(early).rejects.toMatchObject({
      code: "CLIENT_TIMEOUT",
      message: "it could not be sent within 100 ms",
    });
    outgoing.begin(carry, true);
    expect(carried).toEqual([]);
    const sent = outgoing.add("2", false, 100);
    vi.advanceTimersByTime(100);
    await expect(sent).rejects.toMatchObject({
      message: "the server has not answered within 100 ms",
    });
    expect(carried).toEqual([2]);
  });

  test("are handed on together up to 64 KiB, and wait while the carrier is busy", async () => {
    const outgoing = new Outgoing(10);
    const batches: number[][] = [];
    let finish = (): void => {};
    const large = JSON.stringify("x".repeat(40 * 1024));
    for (const data of ["1", large, large, "4"]) void outgoing.add(data, false, 10_000);
    outgoing.begin((messages) => {
      batches.push(messages.map(({ id }) => id));
      return new Promise((resolve) => (finish = resolve));
    }, true);
    expect(batches).toEqual([[1, 2]]);
    finish();
    await expect
      .poll(() => batches)
      .toEqual([
        [1, 2],
        [3, 4],
      ]);
    for (const ack of [1, 2, 3, 4]) outgoing.answer({ ack });
  });

  test("make room with each answer; more than 1,000 without one, or 4 MiB, are refused", async () => {
    const outgoing = new Outgoing(1);
    outgoing.begin(async (messages) => {
      for (const { id } of messages) queueMicrotask(() => outgoing.answer({ ack: id, data: id }));
    }, true);
    for (let count = 1; count <= 1_001; count += 1) {
      expect(await outgoing.add("1", true, 10_000)).toBe(count);
    }
    outgoing.begin(makeCarrier().carry, true);
    const unanswered = Array.from({ length: 1_000 }, () => outgoing.add("1", false, 10_000));
    const settled = Promise.allSettled(unanswered);
    const overloaded = { code: "CLIENT_OVERLOADED" };
    await expect(outgoing.add("1", false, 10_000)).rejects.toMatchObject(overloaded);
    outgoing.close({});
    for (const { status } of await settled) expect(status).toBe("rejected");
    const next = new Outgoing(1);
    next.begin(makeCarrier().carry, true);
    const large = next.add("x".repeat(4 * 1024 * 1024 + 1), false, 10_000);
    const small = next.add("1", false, 10_000);
    await expect(small).rejects.toMatchObject(overloaded);
    next.failLargest();
    await expect(large).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE" });
  });

  test("are envelopes of the protocol (9.5)", () => {
    const rest = { isQuestion: false, settle: () => {} };
    expect(toEnvelope({ id: 1, data: '{"a":1}', ...rest })).toBe('{"id":1,"data":{"a":1}}');
    expect(toEnvelope({ id: 2, data: Uint8Array.of(0, 255), ...rest })).toBe(
      '{"id":2,"bytes":"AP8="}',
    );
  });
});
