import { describe, expect, test } from "vitest";

import { TrafficCounter } from "./traffic-counter.ts";
import type { TrafficTotals } from "./traffic.ts";

const url = new URL("http://example.com/feed?cursor=a.1");

function count(act: (traffic: TrafficCounter) => void): TrafficTotals {
  let totals: TrafficTotals = { requests: 0, bytesReceived: 0, bytesSent: 0 };
  act(new TrafficCounter((now) => (totals = now)));
  return totals;
}

describe("TrafficCounter", () => {
  test("counts a request and its answer as HTTP/1.1 writes them", () => {
    const totals = count((traffic) => {
      traffic.request(url, { accept: "text/event-stream" });
      const init = { status: 200, statusText: "OK", headers: { "content-type": "text/plain" } };
      traffic.response(new Response(null, init));
      traffic.body(new Uint8Array(10));
    });
    const request =
      "GET /feed?cursor=a.1 HTTP/1.1\r\nHost: example.com\r\naccept: text/event-stream\r\n\r\n";
    const response = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n";
    expect(totals).toEqual({
      requests: 1,
      bytesSent: request.length,
      bytesReceived: response.length + 10,
    });
  });

  test("counts what a request carries", () => {
    const post = { method: "POST", body: '["é"]' };
    const { bytesSent } = count((traffic) => traffic.request(url, {}, post));
    expect(bytesSent).toBe(
      "POST /feed?cursor=a.1 HTTP/1.1\r\nHost: example.com\r\n\r\n".length + 6,
    );
  });

  test("counts a handshake with what a browser does not show, and frames with their heads", () => {
    const handshake = count((traffic) => traffic.handshake(url, ["tidings.v1"]));
    const request = [
      "GET /feed?cursor=a.1 HTTP/1.1",
      "Host: example.com",
      "Upgrade: websocket",
      "Connection: Upgrade",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
      "Sec-WebSocket-Protocol: tidings.v1",
    ];
    const { length } = `${request.join("\r\n")}\r\n\r\n`;
    expect(handshake).toEqual({ requests: 1, bytesSent: length, bytesReceived: 0 });
    expect(count((traffic) => traffic.frameReceived("é")).bytesReceived).toBe(2 + 2);
    expect(count((traffic) => traffic.frameReceived("x".repeat(126))).bytesReceived).toBe(130);
    expect(count((traffic) => traffic.frameReceived(new ArrayBuffer(3))).bytesReceived).toBe(5);
    expect(count((traffic) => traffic.frameSent("é")).bytesSent).toBe(2 + 4 + 2);
  });
});
