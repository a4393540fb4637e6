import { describe, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";

import { frameHeaderLength } from "../protocol/index.ts";
import { frameBinary, frameClose, frameText } from "./frame-writer.ts";

describe("frameText", () => {
  test("writes the examples of RFC 6455 §5.7", () => {
    expect([...frameText("Hello")]).toEqual([0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
    expect([...frameBinary(new Uint8Array(256)).subarray(0, 4)]).toEqual([0x82, 0x7e, 0x01, 0x00]);
    expect([...frameBinary(new Uint8Array(65_536)).subarray(0, 10)]).toEqual([
      0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0,
    ]);
  });

  test.each([0, 1, 125, 126, 127, 65_535, 65_536, 70_000])(
    "writes a message of %d bytes in the shortest form, which `ws` reads",
    async (length) => {
      const text = "x".repeat(length);
      const frame = frameText(text);
      expect(frame).toHaveLength(frameHeaderLength(length) + length);
      expect(await readByWs(frame)).toEqual({ data: text, isBinary: false });
      const bytes = new TextEncoder().encode(text);
      expect(await readByWs(frameBinary(bytes))).toEqual({ data: text, isBinary: true });
    },
  );

  test("counts bytes, not characters", async () => {
    expect([...frameText("é")]).toEqual([0x81, 2, 0xc3, 0xa9]);
    expect(await readByWs(frameText("é".repeat(80)))).toMatchObject({ data: "é".repeat(80) });
  });
});

describe("frameClose", () => {
  test("writes the code and the reason", () => {
    expect([...frameClose(1000)]).toEqual([0x88, 2, 0x03, 0xe8]);
    expect([...frameClose(4401, "no")]).toEqual([0x88, 4, 0x11, 0x31, 0x6e, 0x6f]);
    expect(frameClose(1001, "é".repeat(61))).toHaveLength(2 + 2 + 122);
  });

  test.each([999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5, Number.NaN])(
    "refuses the code %d, which may not be sent",
    (code) => {
      expect(() => frameClose(code)).toThrow("expected `code`");
    },
  );

  test("refuses a reason that a control frame cannot hold", () => {
    expect(() => frameClose(1000, "é".repeat(62))).toThrow("at most 123 bytes, got 124");
  });
});

/** What a WebSocket client of `ws` gets from a server that sends these bytes after its handshake. */
async function readByWs(
  frame: Uint8Array,
): Promise<{ readonly data: string; readonly isBinary: boolean }> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  try {
    server.on("connection", (_, request) => request.socket.write(frame));
    const { promise, resolve, reject } = Promise.withResolvers<{
      data: string;
      isBinary: boolean;
    }>();
    server.once("listening", () => {
      const address = server.address();
      const client = new WebSocket(
        `ws://127.0.0.1:${typeof address === "object" ? address?.port : 0}`,
      );
      client.once("message", (data: Buffer, isBinary) => {
        resolve({ data: data.toString(), isBinary });
        client.terminate();
      });
      client.once("error", reject);
    });
    return await promise;
  } finally {
    server.close();
  }
}
