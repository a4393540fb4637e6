import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { describe, expect, onTestFinished, test, vi } from "vitest";

import { readAnswer } from "./read-answer.ts";
import { readChunks, readJson } from "./read-body.ts";
import { request } from "./request.ts";

const options = { headers: {}, signal: new AbortController().signal };

async function serve(answer: (response: ServerResponse) => void): Promise<URL> {
  const server = createServer((_, response) => answer(response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
}

describe("request", () => {
  test("gives up on a server that does not answer", async () => {
    const url = await serve(() => {});
    await expect(request(url, { ...options, patience: { ms: 20 } })).rejects.toMatchObject({
      message: "no answer in time",
    });
  });

  test("says that something holds back what must begin at once", async () => {
    const url = await serve(() => {});
    const late = { ...options, patience: { ms: 20, isBlocked: true } };
    await expect(request(url, late)).rejects.toMatchObject({
      details: { isBlocked: true },
    });
    await expect(request(url, { ...options, patience: { ms: 20 } })).rejects.not.toMatchObject({
      details: { isBlocked: true },
    });
  });

  test("does not mind how long an answer takes that has begun", async () => {
    let finish = (): void => {};
    const url = await serve((response) => {
      response.write("[1,");
      finish = () => response.end("2]");
    });
    const response = await request(url, { ...options, patience: { ms: 20_000 } });
    const answer = readJson(response, undefined);
    finish();
    expect(await answer).toEqual([1, 2]);
  });

  test.each([408, 425, 429, 500, 502, 503, 504])(
    "asks to come back after %d (PROTOCOL.md 3.5)",
    async (status) => {
      const url = await serve((response) =>
        response.writeHead(status, { "retry-after": "3" }).end(),
      );
      await expect(request(url, options)).rejects.toMatchObject({
        details: { code: 4000 + status, retryAfterMs: 3_000 },
      });
    },
  );

  test("takes no date for a number of seconds", async () => {
    const date = "Fri, 20 Nov 2026 08:00:00 GMT";
    const url = await serve((response) => response.writeHead(503, { "retry-after": date }).end());
    await expect(request(url, options)).rejects.toMatchObject({
      details: { retryAfterMs: 0 },
    });
  });

  test("does not read an endless error", async () => {
    const url = await serve((response) => response.writeHead(400).end("x".repeat(1_000_000)));
    await expect(request(url, options)).rejects.toMatchObject({
      code: "REQUEST_REFUSED",
      message: "refused with 400",
      closeCode: 4400,
    });
  });
});

describe("readChunks", () => {
  test("gives up on a stream that has gone silent, and sooner on one that does not begin", async () => {
    const url = await serve((response) => response.write("a"));
    const chunks = readChunks(await request(url, options), {});
    expect((await chunks.next()).value).toEqual(Uint8Array.of(0x61));
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const silent = { details: {}, message: "the server has gone silent" };
    await Promise.all([
      expect(chunks.next()).rejects.toMatchObject(silent),
      vi.advanceTimersByTimeAsync(36_000),
    ]);
    const first = { ms: 20, reason: "held back", isBlocked: true };
    const none = readChunks(new Response(new ReadableStream()), { first }).next();
    await Promise.all([
      expect(none).rejects.toMatchObject({ details: first, message: "held back" }),
      vi.advanceTimersByTimeAsync(20),
    ]);
  });

  test("yields nothing of a response without a body", async () => {
    expect((await readChunks(new Response(null), {}).next()).done).toBe(true);
  });
});

describe("readAnswer", () => {
  test("refuses what is no answer to a poll", async () => {
    for (const text of ["", "<p>", "{}", '{"cursor":"a.1"}']) {
      const answer = readAnswer(new Response(text), undefined);
      await expect(answer).rejects.toMatchObject({ code: "CLIENT_PROTOCOL" });
    }
  });

  test("refuses more than it may hold", async () => {
    const response = new Response("x".repeat(11));
    await expect(readJson(response, undefined, 10)).rejects.toMatchObject({
      code: "MESSAGE_TOO_LARGE",
    });
  });
});
