import { expect, test } from "vitest";

import { SharedFrames } from "./shared-frames.ts";

test("those who are sent the same payload one after another have one frame, number and all", () => {
  const shared = new SharedFrames();
  const payload = { json: "1" };
  const frame = shared.frame(0, payload);
  expect(shared.frame(0, payload)).toBe(frame);
  expect(shared.frame(0, { json: "1" }).sequence).toBe(2);
  expect(shared.frame(2, payload).sequence).toBe(3);
});

test("who is sent a payload again has another frame, with a larger number", () => {
  const shared = new SharedFrames();
  const payload = { json: "1" };
  const first = shared.frame(0, payload);
  expect(shared.frame(first.sequence, payload).sequence).toBeGreaterThan(first.sequence);
});

test("a payload with another key, or at another place, is another frame", () => {
  const shared = new SharedFrames();
  const payload = { json: "1" };
  const frames = [
    shared.frame(0, payload),
    shared.frame(0, payload, { key: "a" }),
    shared.frame(0, payload, { key: "a", positions: "p" }),
    shared.frame(0, payload, { key: "a", positions: "p" }),
    shared.frame(0, payload, { key: "a", positions: "q" }),
  ];
  expect(frames.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 3, 4]);
});

test("those who are sent the same frames in a tick share the batch", () => {
  const shared = new SharedFrames();
  const [one, two] = [shared.frame(0, { json: "1" }), shared.frame(0, { json: "2" })];
  const batch = shared.batch([one, two], 130);
  expect(shared.batch([one, two], 130)).toBe(batch);
  expect(shared.batch([one], 65)).toEqual({ frames: [one], bytes: 65, first: 1, last: 1 });
});
