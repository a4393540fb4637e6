import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";

import { application, consumer, createApp, createServer, forward, type App } from "tidings";
import { connect as connectClient } from "tidings/client";
import { expect, test } from "vitest";
import { z } from "zod";

import { freePort } from "../free-port.ts";
import { Socket } from "../integration/socket.ts";
import { RedisServer } from "../redis/redis-server.ts";
import { PYTHON } from "./channels-peer.ts";

const message = z.object({ text: z.string(), from: z.string() });

/** The same chat as in `channels_site.py`. */
const defineChat = (app: App) =>
  consumer({
    path: "/",
    receives: z.object({ text: z.string().optional(), direct: z.string().optional() }),
    events: { "chat.message": message },
    connect: (connection) => connection.groupAdd("lobby"),
    async receive(connection, { text, direct }) {
      const { channelName } = connection;
      if (text === undefined) return connection.send({ channel: channelName });
      const event = { type: "chat.message", text, from: channelName } as const;
      if (direct === undefined) return await connection.groupSend("lobby", event);
      await app.layer.send(direct, event);
    },
    on: { "chat.message": forward(({ text, from }: z.infer<typeof message>) => ({ text, from })) },
  });

const backends = [
  ["channels_redis.core.RedisChannelLayer", "redis+queue:"],
  ["channels_redis.pubsub.RedisPubSubChannelLayer", "redis:"],
] as const;

test.each(backends)(
  "a browser on Daphne with %s and one on Tidings share a room",
  async (backend, scheme) => {
    await using redis = await RedisServer.start();
    await using daphne = await startDaphne({
      default: { BACKEND: backend, CONFIG: { hosts: [redis.url] } },
    });
    const layer = redis.url.replace("redis:", scheme);
    await using app = createApp({ name: "test", broker: "memory:", layer });
    await using server = createServer(application({ app, routes: [defineChat(app)] }), { port: 0 });
    await server.start();

    await using ours = await Socket.open(`ws://127.0.0.1:${server.port}/`);
    await using theirs = await Socket.open(daphne.url);
    const nameOf = async (socket: Socket): Promise<string> => {
      socket.send({});
      return ((await socket.next()) as { channel: string }).channel;
    };
    const [ourName, theirName] = [await nameOf(ours), await nameOf(theirs)];

    ours.send({ text: "hello from Tidings" });
    const hello = { text: "hello from Tidings", from: ourName };
    expect([await ours.next(), await theirs.next()]).toEqual([hello, hello]);
    theirs.send({ text: "hello from Channels" });
    const answer = { text: "hello from Channels", from: theirName };
    expect([await ours.next(), await theirs.next()]).toEqual([answer, answer]);

    ours.send({ text: "psst", direct: theirName });
    expect(await theirs.next()).toEqual({ text: "psst", from: ourName });
    theirs.send({ text: "psst yourself", direct: ourName });
    expect(await ours.next()).toEqual({ text: "psst yourself", from: theirName });
  },
);

test("the client talks with a Channels site, comes back to it, and promises nothing that it cannot do", async () => {
  const layers = { default: { BACKEND: "channels.layers.InMemoryChannelLayer" } };
  const port = await freePort();
  const heard: unknown[] = [];
  const isOpen = Promise.withResolvers<void>();
  let isAway = Promise.withResolvers<void>();
  const room = connectClient(`ws://127.0.0.1:${port}/`, {
    plain: true,
    onStatus({ status }) {
      if (status === "open") isOpen.resolve();
      if (status === "waiting") isAway.resolve();
    },
  });
  room.onMessage((text) => heard.push(text));
  {
    await using _ = await startDaphne(layers, port);
    await isOpen.promise;
    await room.send({ text: "hello" });
    await expect.poll(() => heard).toMatchObject([{ text: "hello" }]);
    await expect(room.request({})).rejects.toMatchObject({ code: "CLIENT_PROTOCOL" });
    isAway = Promise.withResolvers();
  }
  await isAway.promise;
  const later = room.send({ text: "said while it was away" }, { timeoutMs: 50_000 });
  await using _ = await startDaphne(layers, port);
  await later;
  await expect.poll(() => heard.at(-1)).toMatchObject({ text: "said while it was away" });
  room.close();
});

/** A real Daphne with the site of `channels_site.py`. */
async function startDaphne(
  layers: object,
  at?: number,
): Promise<AsyncDisposable & { readonly url: string }> {
  const port = at ?? (await freePort());
  const folder = fileURLToPath(new URL(".", import.meta.url));
  const args = ["-m", "daphne", "-v", "0", "-b", "127.0.0.1", "-p", String(port)];
  const child = spawn(PYTHON, [...args, "channels_site:application"], {
    cwd: folder,
    env: {
      ...process.env,
      CHANNEL_LAYERS: JSON.stringify(layers),
      PYTHONDONTWRITEBYTECODE: "1",
    },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const limit = Date.now() + 50_000;
  while (!(await canConnect(port))) {
    if (child.exitCode !== null) throw new Error(`daphne exited with ${child.exitCode}`);
    if (Date.now() > limit) throw new Error("daphne does not listen after 50 s");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url: `ws://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, "exit");
      child.kill("SIGKILL");
      await exited;
    },
  };
}

async function canConnect(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  const isOpen = await promise;
  socket.destroy();
  return isOpen;
}
