import { duplexPair } from "node:stream";
import { text } from "node:stream/consumers";

import { expect, test } from "vitest";

import { SocketResponse } from "./socket-response.ts";

test("an answer has the headers that were set, unless it has them itself, and all of its cookies", async () => {
  const [socket, client] = duplexPair();
  const outgoing = new SocketResponse(socket);
  outgoing.setHeader("vary", "origin");
  outgoing.setHeader("access-control-allow-origin", "https://app.example.com");
  const headers = new Headers({ vary: "accept" });
  headers.append("set-cookie", "a=1");
  headers.append("set-cookie", "b=2");
  await outgoing.answer(new Response("no", { status: 401, headers }));
  const [head = "", body] = (await text(client)).split("\r\n\r\n");
  expect(body).toBe("no");
  expect(head.split("\r\n")).toEqual(
    expect.arrayContaining([
      "HTTP/1.1 401 Unauthorized",
      "access-control-allow-origin: https://app.example.com",
      "vary: accept",
      "set-cookie: a=1",
      "set-cookie: b=2",
    ]),
  );
  expect(head.match(/^vary:/gm)).toHaveLength(1);
});
