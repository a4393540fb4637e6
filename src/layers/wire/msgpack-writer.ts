import { Encoder } from "@msgpack/msgpack";

import { TidingsError } from "../../core/errors.ts";
import type { LayerValue } from "../layer.ts";

const encoder = new Encoder({ useBigInt64: true, maxDepth: 128 });

/**
 * Writes a value as Python's msgpack does: the shortest integers, doubles for all other numbers.
 *
 * @throws {TidingsError} LAYER_INVALID_MESSAGE for text with half a surrogate pair, which is no UTF-8
 *   and would fail in whoever reads it.
 */
export function writeMsgpack(value: LayerValue): Uint8Array {
  return encoder.encode(toEncodable(value));
}

/**
 * Chooses between `number` and `bigint` so that the encoder takes the shortest form for both.
 *
 * It writes integers beyond 32 bits as doubles when they are numbers, and every bigint with 64 bits.
 * Returns the value itself when there is nothing to change, which is nearly always.
 */
function toEncodable(value: LayerValue): LayerValue {
  switch (typeof value) {
    case "string":
      return assertWellFormed(value);
    case "number":
      return isWide(value) ? BigInt(value) : value;
    case "bigint":
      return BigInt.asIntN(32, value) === value || BigInt.asUintN(32, value) === value
        ? Number(value)
        : value;
    case "boolean":
      return value;
    default:
      if (value === null || value instanceof Uint8Array) return value;
      return isList(value) ? toEncodableList(value) : toEncodableMap(value);
  }
}

function toEncodableList(list: readonly LayerValue[]): readonly LayerValue[] {
  const changed = list.map(toEncodable);
  return changed.every((item, index) => Object.is(item, list[index])) ? list : changed;
}

function toEncodableMap(map: { readonly [key: string]: LayerValue }): LayerValue {
  const fields: [string, LayerValue][] = Object.entries(map);
  let isChanged = false;
  for (const field of fields) {
    const encodable = toEncodable(field[1]);
    isChanged ||= !Object.is(encodable, field[1]);
    assertWellFormed(field[0]);
    field[1] = encodable;
  }
  return isChanged ? Object.fromEntries(fields) : map;
}

/** An integer that a double holds exactly, but 32 bits do not. */
function isWide(value: number): boolean {
  return Number.isSafeInteger(value) && (value > 0xffff_ffff || value < -0x8000_0000);
}

function isList(value: LayerValue): value is readonly LayerValue[] {
  return Array.isArray(value);
}

function assertWellFormed(text: string): string {
  if (text.isWellFormed()) return text;
  throw new TidingsError(
    "LAYER_INVALID_MESSAGE",
    "expected every text of a message to be well-formed, got half a surrogate pair",
  );
}
