import { setImmediate } from "node:timers/promises";

import { expect, onTestFinished, test } from "vitest";

import { silentLogger } from "../core/logger.ts";
import { RecordedGroups, type HistoryBounds } from "../history/index.ts";
import { MemoryLayer } from "../layers/index.ts";
import type { FeedEvent } from "../protocol/index.ts";
import { FragileHistory } from "../testing/index.ts";
import type { FeedSource, Follower } from "./feed-source.ts";
import { FeedSources } from "./feed-sources.ts";
import { feed, type FeedDefinition, type FeedReaction } from "./feed.ts";
import { forward } from "./forward.ts";
import { refresh } from "./refresh.ts";

test("another process goes on from a cursor, with what came meanwhile and no repetition", async () => {
  const place = new Place();
  const one = place.open(counter);
  const first = await follow(one);
  await place.send(1, 2, 3);
  expect(first.data).toEqual(["now", 1, 2, 3]);
  const two = place.open(counter);
  const back = await follow(two, first.events[1]?.cursor);
  await place.send(4);
  expect(back.data).toEqual([2, 3, 4]);
  expect(back.events).toEqual(first.events.slice(2));
});

test("every process has the same cursors, and the state at its place among them", async () => {
  const place = new Place();
  const one = await follow(place.open(counter));
  const two = await follow(place.open(counter));
  await place.send(1);
  expect(two.events).toEqual(one.events);
  const later = await follow(place.open(counter));
  expect(later.events).toEqual([{ cursor: one.events[1]?.cursor, data: "now" }]);
});

test("messages that the feed passes over leave no hole, and are not told to who comes back", async () => {
  const place = new Place();
  const picky = make({
    on: { number: forward(({ number }) => (isOdd(number) ? number : undefined)) },
  });
  const one = await follow(place.open(picky));
  await place.groups.send("room", { type: "other" });
  await place.send(1, 2, 3);
  expect(one.data).toEqual(["now", 1, 3]);
  const two = await follow(place.open(picky), one.events[0]?.cursor);
  expect(two.events).toEqual(one.events.slice(1));
});

test("who missed a change gets the state as it is now, and who did not gets nothing", async () => {
  const place = new Place();
  let state = 1;
  const board = make({ snapshot: () => state, on: { number: refresh() } });
  const one = await follow(place.open(board));
  state = 2;
  await place.send(1);
  await expect.poll(() => one.data).toEqual([1, 2]);
  for (const source of [place.open(board), one.source]) {
    const missed = await follow(source, one.events[0]?.cursor);
    expect(missed.events).toEqual([one.events[1]]);
    expect((await follow(source, one.events[1]?.cursor)).data).toEqual([]);
  }
});

test("what the history has not any more is a reset, from the state", async () => {
  const place = new Place();
  const one = await follow(place.open(counter));
  await place.sendWith({ size: 2 }, 1, 2, 3);
  const late = await follow(place.open(counter), one.events[0]?.cursor);
  expect(late.events).toEqual([
    { cursor: one.events[3]?.cursor, data: "now", reset: { reason: "evicted" } },
  ]);
  const strange = await follow(place.open(counter), "strange1.1");
  const reset = { reason: "epoch-changed" };
  expect(strange.events).toEqual(late.events.map((event) => ({ ...event, reset })));
});

test("what the group was sent without history is told to those who are there, and has no place", async () => {
  const place = new Place();
  const one = await follow(place.open(counter));
  await place.send(1);
  await place.layer.groupSend("room", { type: "number", number: 2 });
  await place.send(3);
  expect(one.data).toEqual(["now", 1, 2, 3]);
  expect(one.events[2]?.cursor).toBe(one.events[1]?.cursor);
  const two = await follow(place.open(counter), one.events[0]?.cursor);
  expect(two.data).toEqual([1, 3]);
});

test("a poll that has seen more than this process has heard gets nothing twice", async () => {
  const place = new Place();
  const source = place.open(counter);
  const here = await follow(source);
  const [start] = here.events;
  place.history.isDeaf = true;
  await place.send(1, 2);
  place.history.isDeaf = false;
  const elsewhere = await follow(place.open(counter), start?.cursor);
  const cursor = elsewhere.events[1]?.cursor;
  const polling = await follow(source, cursor);
  expect(polling.page()).toEqual({ cursor, events: [], end: false });
  const ahead = await follow(source, cursor);
  await place.send(3);
  await expect.poll(() => here.data).toEqual(["now", 1, 2, 3]);
  expect(ahead.data).toEqual([3]);
});

test("a history that begins anew is told as a reset with the state, before anything that follows", async () => {
  const place = new Place();
  const one = await follow(place.open(counter));
  await place.send(1);
  place.history.beginAnew();
  await place.send(2);
  await expect.poll(() => one.data.length).toBe(3);
  await place.send(3);
  await expect.poll(() => one.data.length).toBe(4);
  expect(one.events[2]).toMatchObject({ data: "now", reset: { reason: "epoch-changed" } });
  expect(one.data).toEqual(["now", 1, "now", 3]);
});

test("what comes while the state is loaded after a reset is told once, behind it", async () => {
  const place = new Place();
  let gate = Promise.resolve();
  const one = await follow(
    place.open(
      make({
        on: { number: forward(({ number }) => number) },
        snapshot: () => gate.then(() => "now"),
      }),
    ),
  );
  const { promise, resolve: release } = Promise.withResolvers<void>();
  gate = promise;
  place.history.beginAnew();
  await place.send(1, 2, 3);
  await setImmediate();
  expect(one.data).toEqual(["now"]);
  release();
  await expect.poll(() => one.data.length).toBeGreaterThan(1);
  expect(one.events[1]).toMatchObject({ data: "now", reset: { reason: "epoch-changed" } });
  await place.send(4);
  await expect.poll(() => one.data.at(-1)).toBe(4);
  const told = one.data.slice(2);
  expect(told).toEqual([1, 2, 3, 4].slice(-told.length));
});

test("what the history has and this process has not heard yet is told once, when it has", async () => {
  const place = new Place();
  const source = place.open(make({ keep: 1, on: { number: forward(({ number }) => number) } }));
  const one = await follow(source);
  await place.send(1, 2);
  place.history.isDeaf = true;
  await place.send(3);
  place.history.isDeaf = false;
  const back = await follow(source, one.events[0]?.cursor);
  expect(back.data).toEqual([1, 2]);
  await place.send(4);
  await expect.poll(() => one.data).toEqual(["now", 1, 2, 3, 4]);
  expect(back.data).toEqual([1, 2, 3, 4]);
});

test("a history out of reach is an error to who comes back, and the others go on", async () => {
  const place = new Place();
  const source = place.open(make({ keep: 1, on: { number: forward(({ number }) => number) } }));
  const one = await follow(source);
  await place.send(1, 2);
  place.history.failures = Infinity;
  await expect(follow(source, one.events[0]?.cursor)).rejects.toMatchObject({
    code: "FEED_FAILED",
  });
  place.history.failures = 0;
  await place.send(3);
  expect(one.data).toEqual(["now", 1, 2, 3]);
  expect((await follow(source, one.events[0]?.cursor)).data).toEqual([1, 2, 3]);
});

test("a history that begins anew further back is told on from there, to streams and to polls", async () => {
  const place = new Place();
  const source = place.open(counter);
  await place.send(1, 2, 3);
  const one = await follow(source);
  const polling = await follow(source, one.events.at(-1)?.cursor);
  place.history.beginAnew();
  await place.send(4);
  await expect.poll(() => one.events.at(-1)).toMatchObject({ reset: { reason: "epoch-changed" } });
  const known = one.events.length;
  const { cursor } = polling.page();
  expect(polling.events).toEqual([one.events.at(-1)]);
  await place.send(5, 6, 7);
  expect(one.data.slice(known)).toEqual([5, 6, 7]);
  expect((await follow(source, cursor)).events).toEqual(one.events.slice(known));
});

test.each([
  ["a change", () => {}],
  ["a loss of the history", (place: Place) => place.history.beginAnew()],
])("a poll that ends while the state after %s is loading stays where it was", async (_, change) => {
  const place = new Place();
  let gate = Promise.resolve(0);
  const source = place.open(make({ on: { number: refresh() }, snapshot: () => gate }));
  const { cursor } = (await follow(source)).page();
  const polling = await follow(source, cursor);
  const { promise, resolve: release } = Promise.withResolvers<number>();
  gate = promise;
  change(place);
  await place.send(1);
  await setImmediate();
  expect(polling.page()).toEqual({ cursor, events: [], end: false });
  const next = follow(source, cursor);
  release(1);
  expect((await next).events).toMatchObject([{ data: 1 }]);
});

test("a cursor beyond the history is a reset, and what comes after it is told", async () => {
  const place = new Place();
  const source = place.open(counter);
  const { cursor } = (await follow(source)).page();
  const one = await follow(source, cursor.replace(/\d+$/, "99999"));
  expect(one.events).toMatchObject([{ data: "now", reset: { reason: "epoch-changed" } }]);
  expect(one.page()).toMatchObject({ cursor });
  await place.send(1);
  expect(one.data).toEqual(["now", 1]);
});

test("a feed with history needs a group", () => {
  expect(() => feed({ path: "/x", history: true, snapshot: () => 1 })).toThrow(
    expect.objectContaining({ code: "APP_INVALID_DEFINITION" }),
  );
});

/** Follows, and keeps what it gets. */
async function follow(source: FeedSource, cursor?: string) {
  const events: FeedEvent[] = [];
  const follower: Follower = { deliver: (event) => void events.push(event), end() {} };
  await source.follow(follower, cursor);
  return {
    source,
    events,
    get data() {
      return events.map(({ data }) => data);
    },
    /** What a poll would have answered by now. */
    page: () => source.pageSince(cursor, events),
  };
}

/** A feed of the numbers that its group is sent. */
function make(options: {
  readonly on?: Readonly<Record<string, FeedReaction>>;
  readonly snapshot?: () => unknown;
  readonly keep?: number;
}): FeedDefinition {
  return feed({
    path: "/numbers",
    group: "room",
    history: true,
    snapshot: () => "now",
    ...options,
  });
}

const counter = make({ on: { number: forward(({ number }) => number) } });

function isOdd(number: unknown): boolean {
  return Number(number) % 2 === 1;
}

/** One layer and its history, on which several processes run feeds. */
class Place {
  readonly layer = new MemoryLayer();
  readonly history = new FragileHistory();
  readonly groups = new RecordedGroups({ history: this.history, layer: this.layer });

  open(definition: FeedDefinition): FeedSource {
    const sources = new FeedSources({
      getLayer: () => this.layer,
      getRecordedGroups: () => new RecordedGroups({ history: this.history, layer: this.layer }),
      logger: silentLogger,
    });
    onTestFinished(() => sources.stop());
    return sources.get(definition, {});
  }

  async send(...numbers: readonly number[]): Promise<void> {
    await this.sendWith(undefined, ...numbers);
  }

  async sendWith(bounds: HistoryBounds | undefined, ...numbers: readonly number[]): Promise<void> {
    for (const number of numbers)
      await this.groups.send("room", { type: "number", number }, bounds);
    await setImmediate();
  }
}
