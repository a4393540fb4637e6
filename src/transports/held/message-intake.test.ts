import { expect, test } from "vitest";

import type { ClientFrame } from "../../channels/index.ts";
import { MessageRate } from "../message-rate.ts";
import { MessageIntake } from "./message-intake.ts";

const MESSAGE = JSON.stringify({ data: "x".repeat(89) }); // 100 bytes

test("a frame of a WebSocket is one message, whatever it holds; a POST may hold several", async () => {
  const { intake, taken } = make();
  const list = JSON.stringify([{ data: 1 }, { data: 2 }]);
  await intake.post(list, { isPaced: true });
  expect(taken).toMatchObject([{ problem: { code: "MESSAGE_INVALID" } }]);
  await intake.post(list, {});
  expect(taken.slice(1)).toMatchObject([{ data: 1 }, { data: 2 }]);
  expect(await intake.post("{", { isPaced: true })).toEqual({ kind: "malformed" });
});

test("a POST finds no room beside what waits, and one message alone always does", async () => {
  const { intake, release } = make({ maxBytes: 90, isHeld: true });
  const first = intake.post(MESSAGE, {});
  expect(await intake.post('{"data":1}', {})).toEqual({ kind: "busy" });
  release();
  expect(await first).toMatchObject({ kind: "answers" });
  expect(await intake.post(MESSAGE, {})).toMatchObject({ kind: "answers" });
});

test("frames find room until several WebSockets have left as much as may wait of one", async () => {
  const { intake, taken, release } = make({ maxBytes: 100, isHeld: true });
  const posts = Array.from({ length: 5 }, () => intake.post(MESSAGE, { isPaced: true }));
  expect(await intake.post('{"data":1}', { isPaced: true })).toEqual({ kind: "busy" });
  release();
  for (const post of posts) expect(await post).toMatchObject({ kind: "answers" });
  expect(taken).toHaveLength(5);
});

/** An intake whose messages are handled at once, or when they are released. */
function make({ maxBytes = 1_000, isHeld = false } = {}) {
  const taken: ClientFrame[] = [];
  const held: (() => void)[] = [];
  let isHolding = isHeld;
  const intake = new MessageIntake({
    rate: new MessageRate(1_000, 1_000),
    maxBytes,
    handle(frame) {
      taken.push(frame);
      const answer = (): void =>
        intake.answer("id" in frame ? frame.id : undefined, { json: undefined });
      if (isHolding) held.push(answer);
      else answer();
    },
    onFlood() {},
  });
  const release = (): void => {
    isHolding = false;
    for (const answer of held.splice(0)) answer();
  };
  return { intake, taken, release };
}
