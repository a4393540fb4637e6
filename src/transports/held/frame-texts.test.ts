import { expect, test } from "vitest";

import type { Payload } from "../../channels/index.ts";
import { ndjsonFormat, sseFormat } from "./connection-format.ts";
import { SharedFrames, type Frame } from "./shared-frames.ts";

const shared = new SharedFrames();
const toFrame = (payload: Payload, positions?: string): Frame =>
  shared.frame(0, payload, { positions });

/** What is on the wire, for a connection of that name. */
function write(format: typeof sseFormat, frames: readonly Frame[], positions?: string): string {
  const text = format.frames(frames, positions).pieces.join("CONNECTION");
  return Buffer.from(text, "latin1")
    .toString()
    .replaceAll(/CONNECTION\.\d+/g, "CONNECTION.N");
}

test("each frame has the cursor behind it, whatever it says", () => {
  const frames = [toFrame({ json: '"ä€😀"' }), toFrame({ text: "two\nlines" })];
  expect(write(sseFormat, frames)).toBe(
    'id: CONNECTION.N\ndata: "ä€😀"\n\nid: CONNECTION.N\ndata: "two\\nlines"\n\n',
  );
  expect(write(ndjsonFormat, frames)).toBe(
    '{"cursor":"CONNECTION.N","data":"ä€😀"}\n{"cursor":"CONNECTION.N","data":"two\\nlines"}\n',
  );
});

test("a cursor says where the groups' histories are, and goes on saying it", () => {
  const plain = toFrame({ json: "1" });
  const placed = toFrame({ json: "2" }, "a.e.7");
  const frames = [plain, placed, plain];
  expect(write(sseFormat, frames).match(/~.*/g)).toEqual(["~a.e.7", "~a.e.7"]);
  expect(write(sseFormat, frames, "a.e.6").match(/~.*/g)).toEqual(["~a.e.6", "~a.e.7", "~a.e.7"]);
  expect(sseFormat.frames(frames, "a.e.6").positions).toBe("a.e.7");
});

test("what was written for one connection is there for the next one with the same frames", () => {
  const [one, two] = [toFrame({ json: "1" }), toFrame({ json: "2" })];
  const first = sseFormat.frames([one, two], undefined);
  expect(sseFormat.frames([one, two], undefined)).toBe(first);
  expect(sseFormat.frames([two], undefined)).not.toBe(first);
});
