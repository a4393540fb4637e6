import { isUtf8 } from "node:buffer";

import { isRecord } from "../../core/is-record.ts";
import { parseIsoTime, toIsoTime } from "./iso-time.ts";

/**
 * A value that Python has and JavaScript has not, as text.
 *
 * `String(value)` and JSON give the text.
 */
abstract class TypedText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }

  toJSON(): string {
    return this.text;
  }
}

/** A decimal number of any precision: Python's `Decimal`. */
export class Decimal extends TypedText {
  readonly kind = "decimal";
}

/** A UUID in its usual form, with hyphens: Python's `UUID`. */
export class Uuid extends TypedText {
  readonly kind = "uuid";
}

/** A day, `2026-11-20`: Python's `date`. */
export class CalendarDate extends TypedText {
  readonly kind = "date";
}

/** A time of day, `20:59:05.004267`: Python's `time`. */
export class ClockTime extends TypedText {
  readonly kind = "time";
}

/** What is written as `{"__type__": …, "__value__": …}`. */
export interface TypedValue {
  readonly __type__: string;
  readonly __value__: unknown;
}

/** Whether a value is written as a {@link TypedValue}. */
export function hasTypedForm(value: object): boolean {
  return value instanceof TypedText || value instanceof Date || value instanceof Uint8Array;
}

/** Returns how a value is written that JSON itself cannot carry, or `undefined` if it can. */
export function toTypedValue(value: object): TypedValue | undefined {
  if (value instanceof Uint8Array) return toTypedBytes(value);
  if (value instanceof Date) {
    return { __type__: "datetime", __value__: toIsoTime(value.getTime()) };
  }
  if (value instanceof Uuid) {
    return { __type__: "uuid", __value__: { hex: value.text.replaceAll("-", "") } };
  }
  if (value instanceof Decimal || value instanceof CalendarDate || value instanceof ClockTime) {
    return { __type__: value.kind, __value__: value.text };
  }
  return undefined;
}

/** Returns what a typed value stands for, or `undefined` when that is not known. */
export function fromTypedValue({ __type__: type, __value__: value }: TypedValue): unknown {
  if (type === "uuid") return toUuid(value);
  if (typeof value !== "string") return undefined;
  switch (type) {
    case "datetime":
      return toDate(value);
    case "date":
      return new CalendarDate(value);
    case "time":
      return new ClockTime(value);
    case "decimal":
      return new Decimal(value);
    case "bytes":
      return new TextEncoder().encode(value);
    case "base64":
      return new Uint8Array(Buffer.from(value, "base64"));
    default:
      return undefined;
  }
}

/** "`bytes` (UTF-8 text), `base64` (non-UTF-8 bytes, base64 text)". */
function toTypedBytes(bytes: Uint8Array): TypedValue {
  return isUtf8(bytes)
    ? { __type__: "bytes", __value__: Buffer.from(bytes).toString() }
    : { __type__: "base64", __value__: Buffer.from(bytes).toString("base64") };
}

/** Milliseconds are kept; a time without an offset is UTC. */
function toDate(text: string): Date | undefined {
  const time = parseIsoTime(text);
  return Number.isNaN(time) ? undefined : new Date(time);
}

function toUuid(value: unknown): Uuid | undefined {
  const hex = isRecord(value) ? value["hex"] : value;
  if (typeof hex !== "string") return undefined;
  const parts = /^(.{8})-?(.{4})-?(.{4})-?(.{4})-?(.{12})$/.exec(hex);
  return parts ? new Uuid(parts.slice(1).join("-")) : undefined;
}
