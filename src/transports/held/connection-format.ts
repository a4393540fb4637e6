import type { Payload } from "../../channels/index.ts";
import { formatNdjson, formatSseComment, formatSseEvent } from "../../protocol/index.ts";
import type { ConnectionClose, LossReason } from "./connection-link.ts";
import { frameTexts, type FrameTexts } from "./frame-texts.ts";
import type { Frame } from "./shared-frames.ts";

/** What a client is told first. */
export interface ConnectionHello {
  readonly connection: string;
  readonly cursor: string;
  readonly reset?: ConnectionReset | undefined;
}

/** That a connection which the client has named could not be gone on with. */
export interface ConnectionReset {
  readonly reason: LossReason;
  /** All that the groups were sent in between comes all the same. */
  readonly recovered?: true | undefined;
}

/** How a kind of stream writes what a consumer sends. */
export interface ConnectionFormat {
  readonly contentType: string;
  /** Sent first, at once, so that proxies and browsers see the stream open. */
  readonly opening: Uint8Array;
  /** Sent when nothing else was, to show both ends that the other lives. */
  readonly heartbeat: Uint8Array;
  hello(hello: ConnectionHello): Uint8Array;
  /** Frames, for a connection that is there in the histories of its groups before them. */
  frames(frames: readonly Frame[], positions: string | undefined): FrameTexts;
  close(cursor: string, close: ConnectionClose): Uint8Array;
  /** Tells the client after how many milliseconds to come back, if that can be said. */
  retry(retryMs: number): Uint8Array | undefined;
}

/** An event is `data` alone, so that `onmessage` is called; everything else has a name. */
export const sseFormat: ConnectionFormat = {
  contentType: "text/event-stream",
  opening: Buffer.from(formatSseComment("ok")),
  heartbeat: Buffer.from(formatSseComment("")),
  hello: ({ cursor, ...hello }) =>
    Buffer.from(formatSseEvent({ event: "connection", id: cursor, data: JSON.stringify(hello) })),
  frames: frameTexts({ before: "id: ", after: (payload) => `\n${toEvent(payload)}` }),
  close: (cursor, close) => {
    const { retryMs } = close;
    const fields = { event: "close", id: cursor, retryMs, data: JSON.stringify(close) };
    return Buffer.from(formatSseEvent(fields));
  },
  retry: (retryMs) => Buffer.from(`retry: ${retryMs}\n\n`),
};

/** One JSON object per line; an empty line is a heartbeat. */
export const ndjsonFormat: ConnectionFormat = {
  contentType: "application/x-ndjson",
  opening: Buffer.from("\n"),
  heartbeat: Buffer.from("\n"),
  hello: (hello) => Buffer.from(formatNdjson(hello)),
  frames: frameTexts({
    before: '{"cursor":"',
    after: (payload) => `"${toField(payload)}}\n`,
  }),
  close: (cursor, close) =>
    Buffer.from(formatNdjson(cursor === "" ? { close } : { cursor, close })),
  retry: () => undefined,
};

/** An event of an answer to a poll, as JSON. */
export function formatPolledFrame(cursor: string, payload: Payload): string {
  return `{"cursor":"${cursor}"${toField(payload)}}`;
}

function toEvent(payload: Payload): string {
  if ("bytes" in payload) {
    return formatSseEvent({ event: "bytes", data: JSON.stringify(toBase64(payload.bytes)) });
  }
  if (!("reset" in payload)) return formatSseEvent({ data: toJson(payload) });
  // An event without data is none, but its id counts (WHATWG HTML §9.2.6).
  return payload.reset === undefined
    ? "\n"
    : formatSseEvent({ event: "reset", data: JSON.stringify({ reason: payload.reset }) });
}

function toField(payload: Payload): string {
  if ("bytes" in payload) return `,"bytes":"${toBase64(payload.bytes)}"`;
  if (!("reset" in payload)) return `,"data":${toJson(payload)}`;
  return payload.reset === undefined ? "" : `,"reset":{"reason":"${payload.reset}"}`;
}

function toJson(payload: { readonly json: string } | { readonly text: string }): string {
  return "json" in payload ? payload.json : JSON.stringify(payload.text);
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}
