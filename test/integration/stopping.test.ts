import { once } from "node:events";
import { connect } from "node:net";

import {
  application,
  consumer,
  createApp,
  createServer,
  feed,
  use,
  type Middleware,
} from "tidings";
import { describe, expect, test } from "vitest";

import { eventually } from "../redis/eventually.ts";
import { serve } from "./serve.ts";
import { openStream } from "./stream.ts";

const still = feed({ path: "/still", snapshot: () => 1 });

/** Without a signal, a stop that waits for a client would never end. */
describe("a server that stops", () => {
  test("does not wait for sockets that have said nothing, or half of a request", async () => {
    await using server = await serve(() => ({ routes: [still] }));
    const silent = connect(server.server.port, "127.0.0.1");
    const half = connect(server.server.port, "127.0.0.1");
    await Promise.all([once(silent, "connect"), once(half, "connect")]);
    half.write("GET /still HTTP/1.1\r\nHost:");
    // A whole request on another socket: the server has accepted the two before it.
    await (await fetch(`${server.url}/still`)).text();
    await server.server.stop();
    expect(server.server.state).toBe("stopped");
    silent.destroy();
    half.destroy();
  });

  test("stops when it is told so while it starts, and both who tell it so wait for that", async () => {
    const app = createApp({ name: "test", broker: "memory:" });
    const server = createServer(application({ app, routes: [still] }), { port: 0 });
    const started = server.start();
    const stops = [server.stop(), server.stop()];
    await Promise.race(stops);
    expect(server.state).toBe("stopped");
    await Promise.all([started, ...stops, app.close()]);
    await expect(fetch(server.url)).rejects.toThrow("fetch failed");
  });

  test("answers a long poll at once, and does not keep its socket", async () => {
    await using server = await serve(() => ({ routes: [still] }));
    const first = await (await fetch(`${server.url}/still`)).json();
    const { cursor } = first as { readonly cursor: string };
    const socket = connect(server.server.port, "127.0.0.1");
    socket.write(`GET /still?cursor=${cursor} HTTP/1.1\r\nHost: x\r\nPrefer: wait=50\r\n\r\n`);
    await using stream = await openStream(`${server.url}/still`, { accept: "text/event-stream" });
    await stream.until("data: 1\n\n");
    await eventually(() => server.server.connectionCount === 2);
    let answer = "";
    socket.on("data", (chunk: Buffer) => (answer += chunk.toString()));
    const closed = once(socket, "close");
    await server.server.stop();
    await closed;
    expect(answer).toContain('"events":[]');
  });

  test("cuts off a handshake that its consumer never answers when its signal fires", async () => {
    const { promise: connecting, resolve } = Promise.withResolvers<void>();
    const undecided = consumer({
      path: "/ws/undecided",
      connect() {
        resolve();
        return new Promise(() => {});
      },
    });
    await using server = await serve(() => ({ routes: [undecided] }));
    const socket = connect(server.server.port, "127.0.0.1");
    socket.write(
      "GET /ws/undecided HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    await connecting;
    const closed = once(socket, "close");
    socket.resume();
    await server.server.stop({ signal: AbortSignal.timeout(50) });
    await closed;
    expect(server.server.state).toBe("stopped");
  });

  test("does not wait for a consumer whose client went while middleware looked who it is", async () => {
    const gate = Promise.withResolvers<void>();
    const looking = Promise.withResolvers<void>();
    const look: Middleware = async () => {
      looking.resolve();
      await gate.promise;
      return undefined;
    };
    let isConnected = false;
    const patient = consumer({
      path: "/ws/patient",
      async connect({ signal }) {
        isConnected = true;
        await once(signal, "abort");
      },
    });
    await using server = await serve(() => ({ routes: [use([look], [patient])] }));
    const socket = connect(server.server.port, "127.0.0.1");
    socket.write(
      "GET /ws/patient HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    );
    await looking.promise;
    socket.resetAndDestroy();
    await eventually(() => server.server.connectionCount === 0);
    gate.resolve();
    await server.server.stop();
    expect(isConnected).toBe(false);
  });

  test("answers every request that one socket has brought before", async () => {
    const gate = Promise.withResolvers<void>();
    const both = Promise.withResolvers<void>();
    await using server = await serve(() => ({
      async http({ url }) {
        if (url.endsWith("/second")) {
          both.resolve();
          await gate.promise;
        }
        return new Response(`answer to ${new URL(url).pathname}`);
      },
    }));
    const socket = connect(server.server.port, "127.0.0.1");
    let answers = "";
    const first = Promise.withResolvers<void>();
    socket.on("data", (chunk: Buffer) => {
      answers += chunk.toString();
      if (answers.includes("answer to /first")) first.resolve();
    });
    const closed = once(socket, "close");
    socket.write("GET /first HTTP/1.1\r\nHost: x\r\n\r\nGET /second HTTP/1.1\r\nHost: x\r\n\r\n");
    await Promise.all([first.promise, both.promise]);
    const stopped = server.server.stop();
    gate.resolve();
    await Promise.all([stopped, closed]);
    expect(answers).toContain("answer to /second");
  });

  test("does not tell an event source that its feed has ended", async () => {
    const gate = Promise.withResolvers<void>();
    const loading = Promise.withResolvers<void>();
    const slow = feed({
      path: "/slow",
      async snapshot() {
        loading.resolve();
        await gate.promise;
        return 1;
      },
    });
    await using server = await serve(() => ({ routes: [slow] }));
    const asked = fetch(`${server.url}/slow?cursor=abc.1`, {
      headers: { accept: "text/event-stream" },
    });
    await loading.promise;
    const stopped = server.server.stop();
    gate.resolve();
    const response = await asked;
    expect(response.status).toBe(200);
    expect(await response.text()).toContain("retry:");
    await stopped;
  });
});
