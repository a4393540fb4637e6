import type { Payload } from "../../channels/index.ts";
import { RESET_REASONS } from "../../history/index.ts";
import type { LayerMessage, LayerValue } from "../../layers/index.ts";
import type { ConnectionClose, EndAnswer, PostAnswer, ReadAnswer } from "./connection-link.ts";
import type { Frame } from "./shared-frames.ts";

/** A message from one process to another. */
export const RELAY_TYPE = "tidings.relay";

/** The group that only the process of this name is in. */
export function homeGroup(home: string): string {
  return `tidings.home.${home}`;
}

/** Something that is asked of the process where a connection lives. */
export interface Question {
  /** The process that asks, and its number for the question. */
  readonly from: string;
  readonly number: number;
  /** What is asked: `read`, `post`, `end`, `cancel`, or `ping`. */
  readonly ask: string;
  readonly fields: LayerMessage;
}

/** What it answers. */
export interface Reply {
  readonly from: string;
  readonly number: number;
  readonly fields: LayerMessage;
}

/** Reads a question; `undefined` when the message is none. */
export function readQuestion(fields: LayerMessage): Question | undefined {
  const { type, from, number, ask } = fields;
  if (type !== RELAY_TYPE || typeof ask !== "string") return undefined;
  if (typeof from !== "string" || typeof number !== "number") return undefined;
  return { from, number, ask, fields };
}

/** Reads a reply; `undefined` when the message is none. */
export function readReply(fields: LayerMessage): Reply | undefined {
  const { type, from, number, kind } = fields;
  if (type !== RELAY_TYPE || typeof kind !== "string") return undefined;
  if (typeof from !== "string" || typeof number !== "number") return undefined;
  return { from, number, fields };
}

/** Reads a list of the numbers of questions. */
export function readNumbers(value: LayerValue | undefined): readonly number[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "number") : [];
}

/** The fields of an answer, for the way through the layer. */
export function packReadAnswer(answer: ReadAnswer): Readonly<Record<string, unknown>> {
  if (answer.kind !== "frames") return { ...answer };
  const frames = answer.frames.map(({ sequence, payload, positions }) => ({
    sequence,
    positions,
    ...payload,
  }));
  return { kind: answer.kind, frames, close: answer.close && { ...answer.close } };
}

export function unpackReadAnswer(fields: LayerMessage): ReadAnswer {
  const { kind, frames, close, reason } = fields;
  switch (kind) {
    case "frames":
      return {
        kind,
        frames: Array.isArray(frames) ? unpackFrames(frames) : [],
        close: toClose(close),
      };
    case "taken":
    case "forbidden":
      return { kind };
    default:
      return { kind: "lost", reason: reason === "too-far" ? reason : "connection-gone" };
  }
}

export function unpackPostAnswer({ kind, answers }: LayerMessage): PostAnswer {
  if (kind === "answers" && Array.isArray(answers)) {
    return { kind, answers: answers.filter((answer) => typeof answer === "string") };
  }
  if (kind === "forbidden" || kind === "malformed" || kind === "busy") return { kind };
  return { kind: "lost" };
}

export function unpackEndAnswer({ kind }: LayerMessage): EndAnswer {
  return kind === "done" || kind === "forbidden" ? kind : "lost";
}

function unpackFrames(values: readonly LayerValue[]): readonly Frame[] {
  return values.flatMap((value) => {
    const frame = unpackFrame(value);
    return frame ? [frame] : [];
  });
}

function unpackFrame(value: LayerValue): Frame | undefined {
  if (typeof value !== "object" || value === null || !("sequence" in value)) return undefined;
  const { sequence, positions } = value;
  const payload = unpackPayload(value);
  if (typeof sequence !== "number" || !payload) return undefined;
  return { sequence, payload, positions: typeof positions === "string" ? positions : undefined };
}

function unpackPayload(value: { readonly [key: string]: LayerValue }): Payload | undefined {
  const { json, text, bytes, reset, positions } = value;
  if (typeof json === "string") return { json };
  if (typeof text === "string") return { text };
  if (bytes instanceof Uint8Array) return { bytes };
  // On the way through the layer a field that is `undefined` is left out.
  if (reset === undefined && positions === undefined) return undefined;
  return { reset: RESET_REASONS.find((reason) => reason === reset) };
}

function toClose(value: LayerValue | undefined): ConnectionClose | undefined {
  if (typeof value !== "object" || value === null || !("code" in value)) return undefined;
  const { code, reason, retryMs } = value;
  if (typeof code !== "number" || typeof reason !== "string") return undefined;
  return typeof retryMs === "number" ? { code, reason, retryMs } : { code, reason };
}
