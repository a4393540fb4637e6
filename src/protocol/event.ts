import { isRecord } from "../core/is-record.ts";
import type { Reset } from "./reset.ts";

/** One event of a feed, the same on every delivery. */
export interface FeedEvent {
  /** Where to go on after this event. Opaque and URL-safe. */
  readonly cursor: string;
  /** What happened, in JSON. */
  readonly data: unknown;
  /** Present when the client's cursor could not be continued from: this is the state, from anew. */
  readonly reset?: Reset;
}

/** The WebSocket subprotocol with which frames carry the whole event instead of its data alone. */
export const SUBPROTOCOL = "tidings.v1";

/** The frame by which a server of the subprotocol shows that it lives: an envelope with nothing in it. */
export const SIGN_OF_LIFE = "{}";

/** Whether a value from the wire is an event. */
export function isFeedEvent(value: unknown): value is FeedEvent {
  return (
    isRecord(value) &&
    typeof value["cursor"] === "string" &&
    "data" in value &&
    (value["reset"] === undefined || isFeedReset(value))
  );
}

/** Whether a value from the wire says, before the event, that it is the state from anew. */
export function isFeedReset(value: unknown): value is { readonly reset: Reset } {
  if (!isRecord(value)) return false;
  const { reset } = value;
  return isRecord(reset) && typeof reset["reason"] === "string";
}

/** Whether a value from the wire says that the feed has ended: `{ "end": true }`. */
export function isFeedEnd(value: unknown): boolean {
  return isRecord(value) && value["end"] === true;
}

/** What a poll is answered with. */
export interface PollAnswer {
  /** Where to go on after these events. */
  readonly cursor: string;
  readonly events: readonly unknown[];
  /** Present when the feed has ended with these events. */
  readonly end?: true;
  /** Of a consumer: the id of the connection that they are about. */
  readonly connection?: string | undefined;
  /** Of a consumer: what was sent before cannot be told any more. */
  readonly reset?: { readonly reason: string } | undefined;
  /** Of a consumer: the connection has ended. */
  readonly close?: { readonly code: number; readonly reason: string } | undefined;
}

/** Whether a value from the wire is a poll's answer. */
export function isPollAnswer(value: unknown): value is PollAnswer {
  return isRecord(value) && typeof value["cursor"] === "string" && Array.isArray(value["events"]);
}
