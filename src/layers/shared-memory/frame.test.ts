import { expect, test } from "vitest";

import { encodeFrame, FRAME_KINDS, FrameReader } from "./frame.ts";

const SAMPLES = [
  { kind: "group", layer: 0xffff_ffff, id: 0, name: "room", payload: Buffer.from("hello") },
  { kind: "reply", layer: 0, id: 0xffff_ffff, name: "", payload: Buffer.alloc(0) },
  { kind: "gap", layer: 1, id: 2, name: "n".repeat(99), payload: Buffer.alloc(70_000, 7) },
] as const;

test.each([1, 13, 14, 15, 40_000, 1_000_000])(
  "reads frames that come in parts of %i bytes",
  (size) => {
    const reader = new FrameReader();
    const bytes = Buffer.concat(SAMPLES.map(encodeFrame));
    const frames = [];
    for (let at = 0; at < bytes.length; at += size) {
      frames.push(...reader.read(bytes.subarray(at, at + size)));
    }
    expect(frames.map(({ bytes: _bytes, ...content }) => content)).toEqual(
      SAMPLES.map((sample) => ({ ...sample, payload: expect.any(Uint8Array) })),
    );
    for (const [index, { payload, bytes: whole }] of frames.entries()) {
      expect(Buffer.compare(payload, SAMPLES[index]?.payload ?? Buffer.alloc(0))).toBe(0);
      expect(encodeFrame(frames[index] ?? SAMPLES[0]).equals(whole)).toBe(true);
    }
  },
);

test.each([
  ["a kind that there is not", [14, 0, 0, 0, FRAME_KINDS.length, 0]],
  ["a frame without room for its header", [0, 0, 0, 0, 1, 0]],
  ["a name that is longer than the frame", [15, 0, 0, 0, 1, 2]],
])("refuses %s, before the rest has come", (_name, start) => {
  const header = Buffer.alloc(14);
  header.set(start);
  expect(() => new FrameReader().read(header)).toThrow(
    `expected a frame, got ${Buffer.from(start).toString("hex")}`,
  );
});
