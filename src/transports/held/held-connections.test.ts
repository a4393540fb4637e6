import { setImmediate as endOfTurn } from "node:timers/promises";

import { expect, onTestFinished, test, vi } from "vitest";

import {
  consumer,
  EventDispatch,
  RouteContext,
  type ConsumerDefinition,
} from "../../channels/index.ts";
import { silentLogger } from "../../core/logger.ts";
import { MemoryLayer, type OutgoingMessage } from "../../layers/index.ts";
import { MessageRate } from "../message-rate.ts";
import { OpenConnections } from "../open-connections.ts";
import type { Visitor } from "./connection-link.ts";
import { Reading } from "./consumer-exchange.ts";
import { HeldConnections } from "./held-connections.ts";

const visitor: Visitor = { place: "/room", user: null, validUntil: undefined };
const logger = silentLogger;

function makeConnections(resumeMs = 10_000): HeldConnections {
  const rate = new MessageRate(1_000, 1_000);
  const losses = { dropped: 0, tooSlow: 0, tooFast: 0 };
  return new HeldConnections({
    limits: { maxOutboxBytes: 10_000, resumeMs, heartbeatMs: 1_000 },
    rate,
    losses,
    logger,
    connections: new OpenConnections(1_000),
  });
}

/** A connection that lives in the first of two processes on one layer, and what the second calls it. */
async function open({ layer = new MemoryLayer(), resumeMs = 10_000 } = {}) {
  const [home, other] = [makeConnections(resumeMs), makeConnections(resumeMs)];
  const definition: ConsumerDefinition = consumer({ path: "/room" });
  const request = new Request("http://localhost/room");
  const context = new RouteContext({ request, params: {}, isUpgrade: false, address: "" });
  const here = await home.open({
    visitor,
    session: {
      definition,
      dispatch: new EventDispatch(definition, logger),
      context,
      layer,
      logger,
    },
    onBegin() {},
    onSessionOver() {},
  });
  await here.opening;
  const there = other.find(here.id, layer, visitor);
  if (typeof there === "string") throw new Error(there);
  return { home, other, here, there, layer, context };
}

test.each(["here", "there"] as const)(
  "a cursor says where the groups' histories are, for who reads %s, and goes on saying it",
  async (where) => {
    const { [where]: link, here } = await open();
    here.send({ json: "1" }, "group.epoch.7");
    here.send({ text: "2" });
    here.send({ bytes: Uint8Array.of(3) }, "group.epoch.8");
    const place = { connection: here.id, sequence: 0, positions: "group.epoch.6" };
    const reading = new Reading({ link, place });
    expect(reading.cursor).toBe(`${here.id}.0~group.epoch.6`);
    const answer = await reading.next(0);
    expect(answer).toMatchObject({ kind: "frames", close: undefined });
    const frames = answer.kind === "frames" ? answer.frames : [];
    expect(frames.map(({ payload }) => payload)).toEqual([
      { json: "1" },
      { text: "2" },
      { bytes: Uint8Array.of(3) },
    ]);
    expect(frames.map((frame) => reading.pass(frame))).toEqual([
      `${here.id}.1~group.epoch.7`,
      `${here.id}.2~group.epoch.7`,
      `${here.id}.3~group.epoch.8`,
    ]);
    expect(reading.cursorAfter({ code: 1001, reason: "" })).toBe("group.epoch.8");
  },
);

test("a process on a layer of this process's memory that is unknown is gone, without asking", async () => {
  const { here, layer } = await open();
  const stranger = here.id.replace(/^.{16}/, "A".repeat(16));
  expect(makeConnections().find(stranger, layer, visitor)).toBe("lost");
  expect(makeConnections().find("nonsense", layer, visitor)).toBe("lost");
});

test.each(["here", "there"] as const)(
  "whoever follows %s takes no more than they like, and hears of the end",
  async (where) => {
    const { [where]: link, here } = await open();
    const place = { connection: here.id, sequence: 0 };
    const reading = new Reading({ link, place });
    await reading.next(0);
    const taken: unknown[] = [];
    const following = reading.follow(true, (answer) => {
      taken.push(answer.kind === "frames" ? answer.frames.map(({ sequence }) => sequence) : answer);
      if (answer.kind === "frames" && answer.close) taken.push(answer.close.code);
      return false;
    });
    const turns = async (): Promise<void> => {
      for (let turn = 0; turn < 10; turn++) await endOfTurn();
    };
    await turns();
    here.send({ json: "1" });
    here.send({ json: "2" });
    await turns();
    expect(taken).toEqual([[1, 2]]);
    here.send({ json: "3" });
    await turns();
    expect(taken).toEqual([[1, 2]]);
    following.more();
    await turns();
    expect(taken).toEqual([[1, 2], [3]]);
    following.more();
    await turns();
    await here.end();
    await turns();
    expect(taken).toEqual([[1, 2], [3], [], 1000]);
  },
);

test.each(["here", "there"] as const)(
  "whoever follows %s is told that another reads now",
  async (where) => {
    const { [where]: link, here, there } = await open();
    const place = { connection: here.id, sequence: 0 };
    const reading = new Reading({ link, place });
    await reading.next(0);
    const told = Promise.withResolvers<unknown>();
    reading.follow(true, (answer) => {
      told.resolve(answer);
      return false;
    });
    await endOfTurn();
    await new Reading({ link: there, place }).next(0);
    expect(await told.promise).toEqual({ kind: "taken" });
  },
);

test("credentials of a later request hold for the connection, wherever it came", async () => {
  const { home, other, here, layer, context } = await open();
  context.expireAt(1_000);
  for (const [process, validUntil] of [
    [home, 2_000],
    [other, 3_000],
    [other, 2_500],
  ] as const) {
    const link = process.find(here.id, layer, { ...visitor, validUntil });
    if (typeof link === "string") throw new Error(link);
    const place = { connection: here.id, sequence: 0 };
    await new Reading({ link, place }).next(0);
  }
  expect(context.validUntil).toBe(3_000);
});

test("a reader in another process who leaves is not waited for: nobody reads then", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { here, there } = await open({ resumeMs: 300 });
  const reading = new Reading({ link: there, place: { connection: here.id, sequence: 0 } });
  await reading.next(0);
  const nothing = { kind: "frames", frames: [], close: undefined };
  const early = new AbortController();
  const unasked = reading.next(60_000, early.signal);
  early.abort();
  expect(await unasked).toEqual(nothing);
  const late = new AbortController();
  const waiting = reading.next(60_000, late.signal);
  await endOfTurn();
  late.abort();
  expect(await waiting).toEqual(nothing);
  await vi.advanceTimersByTimeAsync(300);
  expect(await here.post("[]")).toEqual({ kind: "lost" });
});

/** A layer that loses what it is told to, as one does whose server is started anew. */
class LossyLayer extends MemoryLayer {
  losesNext: (message: OutgoingMessage) => boolean = () => false;

  override async groupSend(group: string, message: OutgoingMessage): Promise<void> {
    if (!this.losesNext(message)) return await super.groupSend(group, message);
    this.losesNext = () => false;
  }
}

test.each(["ask", "kind"])(
  "what the layer loses between two processes is asked again, or told of (%s)",
  async (field) => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const layer = new LossyLayer();
    const { here, there } = await open({ layer });
    const lose = (): void => void (layer.losesNext = (message) => field in message);
    here.send({ json: "1" });
    const reading = new Reading({ link: there, place: { connection: here.id, sequence: 0 } });
    lose();
    const read = reading.next(0);
    await vi.advanceTimersByTimeAsync(600);
    expect(await read).toMatchObject({ kind: "frames", frames: [{ sequence: 1 }] });
    lose();
    const posted = there.post('{"id":1,"data":1}');
    await vi.advanceTimersByTimeAsync(600);
    // It may or may not have been handled: whoever knows its id may ask.
    expect(await posted).toEqual({ kind: "unsure" });
    expect(await there.post('{"id":1,"data":1}')).toMatchObject({ kind: "answers" });
    lose();
    const ended = there.end();
    await vi.advanceTimersByTimeAsync(600);
    expect(await ended).toBe(field === "ask" ? "done" : "lost");
  },
);

test("whoever waits is told at once that another reads, wherever both are", async () => {
  const { here, there } = await open();
  const place = { connection: here.id, sequence: 0 };
  const readers = [here, there, here, there].map((link) => new Reading({ link, place }));
  let waiting: Promise<unknown> = Promise.resolve({ kind: "taken" });
  for (const reading of readers) {
    expect(await reading.next(0)).toMatchObject({ kind: "frames" });
    expect(await waiting).toEqual({ kind: "taken" });
    waiting = reading.next(10_000);
  }
  here.send({ json: "1" });
  expect(await waiting).toMatchObject({ frames: [{ sequence: 1 }] });
});
