import { consumer, httpConsumer, use } from "tidings";
import { describe, expect, test } from "vitest";

import { serve } from "./serve.ts";
import { refusedHandshake } from "./socket.ts";

const echo = httpConsumer({
  path: "/echo/:name",
  methods: ["GET", "POST"],
  maxBodyBytes: 4 * 1024 * 1024,
  async handle(request, { params, user }) {
    const bytes = request.method === "POST" ? (await request.arrayBuffer()).byteLength : 0;
    return Response.json({ name: params.name, user: user?.name ?? null, bytes });
  },
});

describe("an HTTP consumer", () => {
  test("answers what reaches it through its middleware, with its parameters and the user", async () => {
    await using server = await serve(() => ({
      routes: [
        use([(context) => void (context.user = { name: "ada" })], [echo]),
        consumer({ path: "/ws" }),
      ],
    }));
    const get = await fetch(`${server.url}/echo/x%20y`);
    expect(await get.json()).toEqual({ name: "x y", user: "ada", bytes: 0 });
    const body = new Uint8Array(2 * 1024 * 1024);
    const post = await fetch(`${server.url}/echo/x`, { method: "POST", body });
    expect(await post.json()).toMatchObject({ bytes: body.length });
    const put = await fetch(`${server.url}/echo/x`, { method: "PUT" });
    expect([put.status, put.headers.get("allow")]).toEqual([405, "GET, POST"]);
    const large = await fetch(`${server.url}/echo/x`, {
      method: "POST",
      body: new Uint8Array(5 * 1024 * 1024),
    });
    expect(large.status).toBe(413);
    expect((await refusedHandshake(`${server.webSocketUrl}/echo/x`)).status).toBe(404);
  });

  test("reads bodies of every size around the buffers' to the end", async () => {
    await using server = await serve(() => ({ routes: [echo] }));
    for (const size of [0, 1, 8191, 8192, 8193, 16_384, 65_536, 65_537]) {
      const body = new Uint8Array(size);
      const whole = await fetch(`${server.url}/echo/x`, { method: "POST", body });
      expect(await whole.json()).toMatchObject({ bytes: size });
      // Without a length beforehand: in chunks.
      const chunked = await fetch(`${server.url}/echo/x`, {
        method: "POST",
        body: new Blob([body]).stream(),
        duplex: "half",
      });
      expect(await chunked.json()).toMatchObject({ bytes: size });
    }
  });

  test("reads and writes bodies as streams: the answer begins before the request has ended", async () => {
    const upper = httpConsumer({
      path: "/upper",
      handle: (request) =>
        new Response(
          request.body
            ?.pipeThrough(new TextDecoderStream())
            .pipeThrough(
              new TransformStream({
                transform: (text: string, controller) => controller.enqueue(text.toUpperCase()),
              }),
            )
            .pipeThrough(new TextEncoderStream()),
        ),
    });
    await using server = await serve(() => ({ routes: [upper] }));
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const encoder = new TextEncoder();
    void writer.write(encoder.encode("first"));
    const response = await fetch(`${server.url}/upper`, {
      method: "POST",
      body: readable,
      duplex: "half",
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    expect(await reader?.read()).toEqual({ done: false, value: "FIRST" });
    await writer.write(encoder.encode("second"));
    expect(await reader?.read()).toEqual({ done: false, value: "SECOND" });
    await writer.close();
    expect(await reader?.read()).toMatchObject({ done: true });
  });

  test("waits for what a group says, and leaves the group when it has answered", async () => {
    const waiting = Promise.withResolvers<string>();
    const longPoll = httpConsumer({
      path: "/next",
      async handle(request, { openInbox }) {
        await using inbox = await openInbox();
        await inbox.groupAdd("news");
        waiting.resolve(inbox.name);
        return Response.json(await inbox.receive(request.signal));
      },
    });
    await using server = await serve(() => ({ routes: [longPoll] }));
    const response = fetch(`${server.url}/next`);
    const channel = await waiting.promise;
    await server.app.layer.groupSend("news", { type: "news", text: "hi" });
    expect(await (await response).json()).toEqual({ type: "news", text: "hi" });
    await server.app.layer.groupSend("news", { type: "news", text: "late" });
    await server.app.layer.send(channel, { type: "marker" });
    expect(await server.app.layer.receive(channel)).toEqual({ type: "marker" });
  });

  test("cuts the answer off when its body fails, and logs why", async () => {
    const failing = httpConsumer({
      path: "/failing",
      handle() {
        let pieces = 0;
        const body = new ReadableStream({
          pull(controller) {
            if (pieces++ === 2) controller.error(new Error("out of pieces"));
            else controller.enqueue(new TextEncoder().encode("piece"));
          },
        });
        return new Response(body);
      },
    });
    await using server = await serve(() => ({ routes: [failing] }));
    await expect(
      fetch(`${server.url}/failing`).then(async (response) => await response.text()),
    ).rejects.toThrow(/fetch failed|terminated/);
    await expect
      .poll(() => server.log)
      .toMatchObject([
        {
          level: "error",
          message: "request failed",
          fields: { err: { message: "out of pieces" } },
        },
      ]);
  });

  test("stops the body of its answer when the client is gone, and logs nothing", async () => {
    const cancelled = Promise.withResolvers<void>();
    const endless = httpConsumer({
      path: "/endless",
      handle() {
        const start = (controller: ReadableStreamDefaultController): void =>
          controller.enqueue(new TextEncoder().encode("piece"));
        return new Response(new ReadableStream({ start, cancel: () => cancelled.resolve() }));
      },
    });
    await using server = await serve(() => ({ routes: [endless] }));
    const client = new AbortController();
    const response = await fetch(`${server.url}/endless`, { signal: client.signal });
    await response.body?.getReader().read();
    client.abort();
    await cancelled.promise;
    expect(server.log).toEqual([]);
  });

  test("is told when the client is gone", async () => {
    const gone = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const patient = httpConsumer({
      path: "/patient",
      async handle(request) {
        request.signal.addEventListener("abort", () => gone.resolve());
        started.resolve();
        await gone.promise;
        return new Response("nobody");
      },
    });
    await using server = await serve(() => ({ routes: [patient] }));
    const client = new AbortController();
    const response = fetch(`${server.url}/patient`, { signal: client.signal });
    await started.promise;
    client.abort();
    await expect(response).rejects.toMatchObject({ name: "AbortError" });
    await gone.promise;
    expect(server.log).toEqual([]);
  });
});
