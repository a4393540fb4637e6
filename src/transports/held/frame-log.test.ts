import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { Payload } from "../../channels/index.ts";
import { FrameLog, type FrameLogOptions } from "./frame-log.ts";
import { SharedFrames } from "./shared-frames.ts";

function makeLog(options: Partial<FrameLogOptions> = {}) {
  const time = { now: 0 };
  const losses = { dropped: 0, tooSlow: 0, tooFast: 0 };
  const log = new FrameLog({
    frames: new SharedFrames(),
    maxBytes: 10_000,
    policy: "disconnect",
    keepMs: 1_000,
    losses,
    now: () => time.now,
    ...options,
  });
  return { log, time, losses };
}

const payload = (bytes: number): { readonly text: string } => ({ text: "x".repeat(bytes) });

function numbersAfter(log: FrameLog, sequence: number): readonly number[] | undefined {
  return log.readAfter(sequence)?.map((frame) => frame.sequence);
}

describe("the frames of a connection", () => {
  test("can be read again until they are acknowledged", () => {
    const { log } = makeLog();
    for (let n = 0; n < 4; n++) log.push(payload(1));
    expect(numbersAfter(log, 0)).toEqual([1, 2, 3, 4]);
    expect(numbersAfter(log, 2)).toEqual([3, 4]);
    log.acknowledge(2);
    expect(numbersAfter(log, 2)).toEqual([3, 4]);
    expect(numbersAfter(log, 1)).toBeUndefined();
    expect(numbersAfter(log, 5)).toBeUndefined();
    expect([log.hasAfter(3), log.hasAfter(4)]).toEqual([true, false]);
  });

  test("are handed out in batches of 256 KiB, and one that is larger by itself", () => {
    const { log } = makeLog({ maxBytes: 10_000_000 });
    for (const bytes of [200_000, 50_000, 20_000, 300_000, 1]) log.push(payload(bytes));
    expect(numbersAfter(log, 0)).toEqual([1, 2]);
    expect(numbersAfter(log, 2)).toEqual([3]);
    expect(numbersAfter(log, 3)).toEqual([4]);
    expect(numbersAfter(log, 4)).toEqual([5]);
  });

  test("that were read are kept for a while, those that were not as long as there is room", () => {
    const { log, time } = makeLog();
    log.push(payload(1));
    log.push(payload(1));
    log.readAfter(0);
    log.push(payload(1));
    time.now = 1_000;
    log.trim();
    expect(numbersAfter(log, 0)).toEqual([1, 2, 3]);
    time.now = 1_100;
    log.trim();
    expect(numbersAfter(log, 0)).toBeUndefined();
    expect(numbersAfter(log, 2)).toEqual([3]);
  });

  test("that were read make way for new ones", () => {
    const { log } = makeLog();
    for (let n = 0; n < 9; n++) expect(log.push(payload(1_000))).toBe(true);
    log.readAfter(0);
    expect(log.push(payload(1_000))).toBe(true);
    expect(numbersAfter(log, 0)).toBeUndefined();
    expect(numbersAfter(log, 9)).toEqual([10]);
  });

  test("that were read are 256 KiB at most", () => {
    const { log } = makeLog({ maxBytes: 10_000_000 });
    for (let n = 1; n <= 400; n++) {
      log.push(payload(1_000));
      log.readAfter(n - 1);
    }
    log.push(payload(1));
    expect(numbersAfter(log, 100)).toBeUndefined();
    expect(numbersAfter(log, 200)?.at(0)).toBe(201);
  });

  test("that nobody has read do not fit at the bound", () => {
    const { log, losses } = makeLog();
    for (let n = 0; n < 9; n++) log.push(payload(1_000));
    expect(log.push(payload(1_000))).toBe(false);
    expect(losses.dropped).toBe(0);
  });

  test("make way from the oldest on, and the newest stays whatever its size", () => {
    const { log, losses } = makeLog({ policy: "drop-oldest" });
    for (let n = 0; n < 12; n++) log.push(payload(1_000));
    // Whoever reads on never learns of those that were dropped.
    expect(numbersAfter(log, 0)).toEqual([4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(losses.dropped).toBe(3);
    log.acknowledge(12);
    expect(log.push(payload(20_000))).toBe(true);
    expect(numbersAfter(log, 12)).toEqual([13]);
  });

  test("make way for newer ones with the same key, unless they were read", () => {
    const { log, losses } = makeLog({ policy: "conflate" });
    log.push(payload(1), { key: "a" });
    log.readAfter(0);
    for (const key of ["a", "b", "a", undefined, "b"]) log.push(payload(1), { key });
    expect(numbersAfter(log, 0)).toEqual([1, 4, 5, 6]);
    expect(losses.dropped).toBe(2);
  });

  test("are what they were after thousands have come and gone", () => {
    const { log, time } = makeLog();
    for (let n = 1; n <= 5_000; n++) {
      time.now = n;
      expect(log.push({ text: `${n}` }, { positions: `${n}` })).toBe(true);
      if (n % 7 === 0) log.readAfter(n - 7);
      if (n % 50 === 0) log.acknowledge(n - 20);
      if (n % 130 === 0) log.trim();
    }
    expect(numbersAfter(log, 4_979)).toBeUndefined();
    expect(log.readAfter(4_998)).toMatchObject([
      { sequence: 4_999, payload: { text: "4999" }, positions: "4999" },
      { sequence: 5_000, payload: { text: "5000" }, positions: "5000" },
    ]);
    expect(numbersAfter(log, 4_980)).toHaveLength(20);
    log.clear();
    // All that is kept counts, and nothing else.
    for (let n = 0; n < 9; n++) expect(log.push(payload(1_000))).toBe(true);
    expect(log.push(payload(1_000))).toBe(false);
  });

  test("are gone on from in the middle of what came together, until the client has all of it", () => {
    const { log } = makeLog();
    for (let n = 0; n < 3; n++) log.push(payload(1));
    expect(numbersAfter(log, 0)).toEqual([1, 2, 3]);
    log.push(payload(1));
    log.acknowledge(2);
    expect(numbersAfter(log, 2)).toEqual([3, 4]);
    expect(numbersAfter(log, 1)).toBeUndefined();
    log.acknowledge(4);
    expect([numbersAfter(log, 4), numbersAfter(log, 3)]).toEqual([[], undefined]);
  });

  test("of a tick are kept in parts of 256 KiB", () => {
    const { log } = makeLog({ maxBytes: 10_000_000 });
    for (let n = 0; n < 9; n++) log.push(payload(100_000));
    expect(numbersAfter(log, 0)).toEqual([1, 2]);
    expect(numbersAfter(log, 1)).toEqual([2]);
    expect(numbersAfter(log, 2)).toEqual([3, 4]);
    expect(numbersAfter(log, 8)).toEqual([9]);
  });
});

/** A member of groups: what it was told, what its client has got, and where that is. */
function makeMember(frames: SharedFrames, policy: FrameLogOptions["policy"]) {
  const { log } = makeLog({ frames, policy, maxBytes: 10_000_000 });
  const told: Payload[] = [];
  const got: Payload[] = [];
  let at = 0;
  return {
    told,
    got,
    tell(said: Payload): void {
      expect(log.push(said)).toBe(true);
      told.push(said);
    },
    /** Reads on; a client that breaks off gets only so many of the frames. */
    read(most = Infinity): void {
      for (const frame of log.readAfter(at)?.slice(0, most) ?? []) {
        expect(frame.sequence).toBeGreaterThan(at);
        at = frame.sequence;
        got.push(frame.payload);
      }
    },
    acknowledge: () => log.acknowledge(at),
    hasMore: () => log.hasAfter(at),
  };
}

test("those who share frames get their own, once and in order, whenever they read", () => {
  const policies = ["disconnect", "disconnect", "disconnect", "drop-oldest", "conflate"] as const;
  const step = fc.record({
    does: fc.constantFrom("tell", "tell", "read", "acknowledge"),
    who: fc.subarray([...policies.keys()]),
    // Some are told again.
    said: fc.constantFrom(payload(1), payload(2), payload(3)),
    most: fc.integer({ min: 1, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100, size: "max" }), (steps) => {
      const frames = new SharedFrames();
      const members = policies.map((policy) => makeMember(frames, policy));
      for (const { does, who, said, most } of steps) {
        for (const member of who.flatMap((index) => members[index] ?? [])) {
          if (does === "tell") member.tell(said);
          else if (does === "read") member.read(most);
          else member.acknowledge();
        }
      }
      for (const member of members) {
        if (member.hasMore()) member.read();
        expect(member.got).toEqual(member.told);
      }
    }),
  );
});
