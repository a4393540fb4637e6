import { once } from "node:events";
import { connect, type Socket as TcpSocket } from "node:net";

import { consumer, forward } from "tidings";
import { expect, test } from "vitest";
import { z } from "zod";

import { serve, type TestServer } from "./serve.ts";
import { Socket } from "./socket.ts";

const PADDING = "x".repeat(32 * 1024);
const MESSAGES = 600; // beyond what the kernel keeps for a reader that sleeps
const LIMITS = { maxOutboxBytes: 1024 * 1024, heartbeatMs: 15_000 };

const events = { tick: z.object({ n: z.number(), padding: z.string() }) };
const options = {
  events,
  connect: async (connection: { groupAdd(group: string): Promise<void> }) =>
    await connection.groupAdd("ticks"),
  on: { tick: forward() },
} as const;
const dropping = consumer({ path: "/ws/ticks", ...options, slowConsumer: "drop-oldest" });
const conflating = consumer({
  path: "/ws/ticks",
  ...options,
  slowConsumer: {
    conflate: (data) => (isTick(data) && data.n >= 0 ? `key ${data.n % 3}` : undefined),
  },
});

/** Sends many messages while one client sleeps; returns what it gets when it wakes, and its neighbour. */
async function outpace(server: TestServer): Promise<{
  readonly slow: readonly number[];
  readonly quick: readonly number[];
}> {
  const url = `${server.webSocketUrl}/ws/ticks`;
  await using quick = await Socket.open(url);
  const sleeper = await Socket.open(url);
  const tcp = tcpOf(sleeper);
  tcp.pause();
  const received: number[] = [];
  for (let n = 0; n < MESSAGES; n++) {
    await server.app.layer.groupSend("ticks", { type: "tick", n, padding: PADDING });
    received.push(numberOf(await quick.next()));
  }
  tcp.resume();
  const slow: number[] = [];
  while (slow.at(-1) !== MESSAGES - 1) slow.push(numberOf(await sleeper.next()));
  await server.app.layer.groupSend("ticks", { type: "tick", n: -1, padding: "" });
  slow.push(numberOf(await sleeper.next()));
  await sleeper[Symbol.asyncDispose]();
  return { slow, quick: received };
}

test("a slow client of a consumer that drops the oldest gets the newest, in order", async () => {
  await using server = await serve(() => ({ routes: [dropping] }), LIMITS);
  const { slow, quick } = await outpace(server);
  expect(quick).toHaveLength(MESSAGES);
  expect(slow.length).toBeLessThan(MESSAGES);
  expect(slow.slice(0, -1)).toEqual(slow.slice(0, -1).toSorted((a, b) => a - b));
  expect(slow.slice(-4)).toEqual([MESSAGES - 3, MESSAGES - 2, MESSAGES - 1, -1]);
  expect(server.server.losses.dropped).toBe(MESSAGES + 1 - slow.length);
});

test("a slow client of a consumer that conflates gets the newest of each key", async () => {
  await using server = await serve(() => ({ routes: [conflating] }), LIMITS);
  const { slow, quick } = await outpace(server);
  expect(quick).toHaveLength(MESSAGES);
  expect(slow.length).toBeLessThan(MESSAGES);
  expect(slow.slice(-4)).toEqual([MESSAGES - 3, MESSAGES - 2, MESSAGES - 1, -1]);
  expect(server.server.losses).toEqual({
    dropped: MESSAGES + 1 - slow.length,
    tooSlow: 0,
    tooFast: 0,
  });
});

test("a slow client of any other consumer is cut off, which is counted", async () => {
  const plain = consumer({ path: "/ws/ticks", ...options });
  await using server = await serve(() => ({ routes: [plain] }), LIMITS);
  const tcp = connect(server.server.port, "127.0.0.1");
  tcp.write(
    "GET /ws/ticks HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
  );
  await once(tcp, "readable");
  for (let n = 0; server.server.losses.tooSlow === 0 && n < MESSAGES; n++) {
    await server.app.layer.groupSend("ticks", { type: "tick", n, padding: PADDING });
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(server.server.losses).toEqual({ dropped: 0, tooSlow: 1, tooFast: 0 });
  tcp.destroy();
});

function tcpOf({ raw }: Socket): TcpSocket {
  return Reflect.get(raw, "_socket") as TcpSocket; // what `ws` calls it
}

function isTick(value: unknown): value is { readonly n: number } {
  return typeof value === "object" && value !== null && "n" in value && typeof value.n === "number";
}

function numberOf(value: unknown): number {
  return isTick(value) ? value.n : Number.NaN;
}
