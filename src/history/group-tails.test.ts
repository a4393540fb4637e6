import { expect, onTestFinished, test, vi } from "vitest";

import type { Position, ResetReason } from "../protocol/index.ts";
import { FragileHistory } from "../testing/index.ts";
import type { TailFollower } from "./group-tail.ts";
import { GroupTails, type GroupTailsOptions } from "./group-tails.ts";
import type { GroupHistory, HistoryEntry } from "./history.ts";

test("a follower hears every entry from its position on, in order and once", async () => {
  const { history, tails } = open();
  const start = await history.position("room");
  await send(history, 1, 2);
  const follower = new Follower();
  await tails.follow("room", follower, start);
  expect(follower.numbers).toEqual([1, 2]);
  await send(history, 3, 4);
  expect(follower.numbers).toEqual([1, 2, 3, 4]);
});

test("without a position a follower begins with what comes next, and is told where that is", async () => {
  const { history, tails } = open();
  await send(history, 1);
  const follower = new Follower();
  const leave = await tails.follow("room", follower);
  expect(follower.starts).toEqual([await history.position("room")]);
  await send(history, 2);
  leave();
  await send(history, 3);
  expect(follower.numbers).toEqual([2]);
});

test("an entry that was not heard is found in the store when the next one comes", async () => {
  const { history, tails } = open();
  const follower = new Follower();
  await tails.follow("room", follower);
  await send(history, 1);
  history.isDeaf = true;
  await send(history, 2, 3);
  history.isDeaf = false;
  await send(history, 4, 5);
  await until(() => follower.numbers.length === 5);
  expect(follower.numbers).toEqual([1, 2, 3, 4, 5]);
  expect(tails.counts).toEqual({ gapsRepaired: 1, gapsNotRepaired: 0 });
});

test("what was missed while the store was out of reach is delivered when it is back", async () => {
  const { history, tails } = open();
  const follower = new Follower();
  await tails.follow("room", follower);
  history.isDeaf = true;
  await send(history, 1, 2);
  history.isDeaf = false;
  history.failures = 2;
  history.tellGap();
  await until(() => follower.numbers.length === 2);
  expect(follower.numbers).toEqual([1, 2]);
  expect(tails.counts).toEqual({ gapsRepaired: 1, gapsNotRepaired: 0 });
});

test("an entry that nothing follows is found when the tail compares with the store", async () => {
  const { history, tails } = open({ verifyMs: 20 });
  const follower = new Follower();
  await tails.follow("room", follower);
  history.isDeaf = true;
  await send(history, 1);
  await until(() => follower.numbers.length === 1);
  expect(tails.counts).toEqual({ gapsRepaired: 1, gapsNotRepaired: 0 });
});

test("entries that come in another order, or twice, are delivered in order and once", async () => {
  const { history, tails } = open();
  const follower = new Follower();
  await tails.follow("room", follower);
  history.isDeaf = true;
  await send(history, 1, 2, 3, 4);
  history.isDeaf = false;
  const [first, second, third, fourth] = history.entries;
  for (const entry of [second, first, fourth, third, third]) if (entry) history.hear("room", entry);
  await until(() => follower.numbers.length === 4);
  expect(follower.numbers).toEqual([1, 2, 3, 4]);
});

test("an entry that belongs nowhere is passed over, and the store is not asked for ever", async () => {
  const { history, tails } = open();
  const follower = new Follower();
  await tails.follow("room", follower);
  history.hear("room", { position: { epoch: "another1", offset: 1 }, message: say(0) });
  await until(() => history.asked > 0);
  await send(history, 1);
  await until(() => follower.numbers.length === 1);
  await send(history, 2, 3);
  expect(history.asked).toBeLessThan(3);
  expect(follower).toMatchObject({ numbers: [1, 2, 3], resets: [] });
});

test("what the store has not any more is told as a reset, once, and counted", async () => {
  const { history, tails } = open();
  const follower = new Follower();
  await tails.follow("room", follower);
  history.isDeaf = true;
  await send(history, 1, 2, 3);
  history.isDeaf = false;
  await history.append("room", say(4), { size: 1 });
  await until(() => follower.resets.length === 1);
  await send(history, 5);
  await until(() => follower.numbers.length > 0);
  expect(follower.resets).toEqual([["evicted", { ...history.entries[0]?.position, offset: 4 }]]);
  expect(follower.numbers).toEqual([5]);
  expect(tails.counts).toEqual({ gapsRepaired: 0, gapsNotRepaired: 1 });
});

test("a store that has begun anew is told as a reset, and followed from there", async () => {
  const { history, tails } = open();
  const follower = new Follower();
  await tails.follow("room", follower);
  await send(history, 1);
  history.beginAnew();
  await send(history, 2);
  await until(() => follower.resets.length === 1);
  await send(history, 3);
  await until(() => follower.numbers.includes(3));
  expect(follower.resets[0]?.[0]).toBe("epoch-changed");
  expect(follower.numbers).toEqual([1, 3]);
  const newcomer = new Follower();
  await tails.follow("room", newcomer, follower.positions.at(-1));
  expect(newcomer.resets).toEqual([]);
});

test("who comes back with a position that cannot be continued is told why", async () => {
  const { history, tails } = open();
  const start = await history.position("room");
  for (const number of [1, 2, 3]) await history.append("room", say(number), { size: 1 });
  const late = new Follower();
  await tails.follow("room", late, start);
  const strange = new Follower();
  await tails.follow("room", strange, { epoch: "another1", offset: 1 });
  await send(history, 4);
  const now = { ...start, offset: 3 };
  expect(late).toMatchObject({ resets: [["evicted", now]], numbers: [4] });
  expect(strange).toMatchObject({ resets: [["epoch-changed", now]], numbers: [4] });
  expect(tails.counts).toEqual({ gapsRepaired: 0, gapsNotRepaired: 0 });
});

test("who has seen more than this process has heard gets nothing twice", async () => {
  const { history, tails } = open();
  const first = new Follower();
  await tails.follow("room", first);
  history.isDeaf = true;
  await send(history, 1, 2);
  history.isDeaf = false;
  const ahead = new Follower();
  const position = await history.position("room");
  await tails.follow("room", ahead, position);
  expect(ahead.starts).toEqual([position]);
  await send(history, 3);
  await until(() => first.numbers.length === 3 && ahead.numbers.length > 0);
  expect(first.numbers).toEqual([1, 2, 3]);
  expect(ahead.numbers).toEqual([3]);
});

test("who comes back in the moment in which the store is known to have begun anew hears what comes", async () => {
  const { history, tails } = open();
  const first = new Follower();
  await tails.follow("room", first);
  const start = first.starts[0];
  await send(history, 1, 2, 3);
  history.beginAnew();
  const answer = await history.since("room", { epoch: "epoch_of", offset: 3 });
  const asked = Promise.withResolvers<typeof answer>();
  vi.spyOn(history, "since").mockReturnValueOnce(asked.promise);
  history.tellGap();
  asked.resolve(answer);
  const back = new Follower();
  await tails.follow("room", back, start);
  await send(history, 4, 5);
  expect(first.numbers).toEqual([1, 2, 3, 4, 5]);
  expect(back.numbers.slice(-2)).toEqual([4, 5]);
  expect(back.resets).toEqual(first.resets);
});

test("those who come back soon are answered without asking the store", async () => {
  const { history, tails } = open();
  await tails.follow("room", new Follower());
  const start = await history.position("room");
  await send(history, 1, 2);
  history.failures = Infinity;
  const follower = new Follower();
  await tails.follow("room", follower, { ...start, offset: 1 });
  expect(follower.numbers).toEqual([2]);
});

test("a store out of reach is an error to who comes, and the next one begins again", async () => {
  const { history, tails } = open();
  history.failures = 1;
  await expect(tails.follow("room", new Follower())).rejects.toThrow("out of reach");
  const follower = new Follower();
  await tails.follow("room", follower);
  await send(history, 1);
  expect(follower.numbers).toEqual([1]);
});

test("a group that nobody follows is listened to no more after a while", async () => {
  const { history, tails } = open({ lingerMs: 10 });
  const leave = await tails.follow("room", new Follower());
  expect(history.listenerCount("room")).toBe(1);
  leave();
  await until(() => history.listenerCount("room") === 0);
  await tails.follow("room", new Follower());
  expect(history.listenerCount("room")).toBe(1);
});

class Follower implements TailFollower {
  readonly starts: Position[] = [];
  readonly numbers: unknown[] = [];
  readonly positions: Position[] = [];
  readonly resets: [ResetReason, Position][] = [];

  onStart(position: Position): void {
    this.starts.push(position);
  }

  onEntry({ message, position }: HistoryEntry): void {
    this.numbers.push(message["number"]);
    this.positions.push(position);
  }

  onReset(reason: ResetReason, position: Position): void {
    this.resets.push([reason, position]);
  }
}

function open(options: Omit<GroupTailsOptions, "history"> = {}): {
  readonly history: FragileHistory;
  readonly tails: GroupTails;
} {
  const history = new FragileHistory();
  const tails = new GroupTails({ ...options, history });
  onTestFinished(() => tails.stop());
  return { history, tails };
}

async function send(history: GroupHistory, ...numbers: readonly number[]): Promise<void> {
  for (const number of numbers) await history.append("room", say(number));
}

function say(number: number): { readonly type: string; readonly number: number } {
  return { type: "chat.message", number };
}

async function until(isTrue: () => boolean): Promise<void> {
  await expect.poll(isTrue, { interval: 5 }).toBe(true);
}
