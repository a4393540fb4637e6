import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

import { describe, expect, onTestFinished, test } from "vitest";

import { overPost } from "./carriers.ts";
import { Outgoing } from "./outgoing.ts";

/** A server that takes bodies of so many bytes, and acknowledges each message. */
async function startServer(maxBytes: number) {
  const sizes: number[] = [];
  const taken: unknown[] = [];
  const answer = (body: string): string | undefined => {
    if (body.length > maxBytes) return undefined;
    const envelopes: { readonly id: number; readonly data: unknown }[] = JSON.parse(body);
    sizes.push(envelopes.length);
    taken.push(...envelopes.map(({ data }) => data));
    return JSON.stringify({ answers: envelopes.map(({ id }) => ({ ack: id })) });
  };
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const answers = answer(await text(request));
    response.writeHead(answers === undefined ? 413 : 200).end(answers);
  };
  const server = createServer((request, response) => {
    void respond(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const abort = new AbortController();
  onTestFinished(() => {
    abort.abort();
    server.closeAllConnections();
    server.close();
  });
  const outgoing = new Outgoing(5_000);
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const begin = (): void => outgoing.begin(overPost(outgoing, url, { signal: abort.signal }), true);
  return { outgoing, begin, sizes, taken };
}

describe("messages by POST", () => {
  test("go in lists that a server takes, in order, however many wait", async () => {
    const { outgoing, begin, sizes, taken } = await startServer(Infinity);
    const waiting = Array.from({ length: 1_200 }, (_, n) => outgoing.add(`${n}`, false, 10_000));
    begin();
    await Promise.all(waiting);
    expect(sizes).toEqual([500, 500, 200]);
    expect(taken).toEqual(Array.from({ length: 1_200 }, (_, n) => n));
  });

  test("that are too large together go in halves; one that is too large alone fails alone", async () => {
    const { outgoing, begin, taken } = await startServer(4_096);
    const message = (n: number) => JSON.stringify(`${n}`.padEnd(n === 7 ? 5_000 : 400));
    const waiting = Array.from({ length: 20 }, (_, n) => outgoing.add(message(n), false, 10_000));
    const outcomes = Promise.allSettled(waiting);
    begin();
    expect((await outcomes).flatMap(({ status }, n) => (status === "rejected" ? [n] : []))).toEqual(
      [7],
    );
    await expect(waiting[7]).rejects.toMatchObject({ code: "MESSAGE_TOO_LARGE" });
    expect(taken.map(Number)).toEqual([...Array(20).keys()].filter((n) => n !== 7));
  });
});
