import { TidingsError, type ErrorCode } from "../core/errors.ts";
import type { LayerMessage, LayerValue, OutgoingMessage } from "./layer.ts";
import { markRecorded, recordedGroup } from "./recorded.ts";

/** Deeper than any real message; a cycle reaches it. */
const MAX_DEPTH = 64;
const MIN_INT64 = -(2n ** 63n);
const MAX_UINT64 = 2n ** 64n;

/** A message that nobody can change any more. */
export interface IsolatedMessage {
  readonly message: LayerMessage;
  /** Bytes cannot be frozen: with them, each receiver needs a copy of its own. */
  readonly hasBytes: boolean;
}

/**
 * Copies and deeply freezes a message; the copy keeps its mark, if it has one.
 *
 * @throws {TidingsError} LAYER_INVALID_MESSAGE naming the first field that no layer can carry.
 */
export function isolateMessage(message: OutgoingMessage): IsolatedMessage {
  const copy = new Copy();
  const isolated = copy.value(message, "message", 0);
  if (!isLayerMessage(isolated)) {
    throw invalid("expected a message to be an object with a string `type`");
  }
  const group = recordedGroup(message);
  if (group !== undefined) markRecorded(isolated, group);
  return { message: isolated, hasBytes: copy.hasBytes };
}

/** Whether what came from the wire is a message that a consumer can handle. */
export function isLayerMessage(value: unknown): value is LayerMessage {
  return (
    typeof value === "object" && value !== null && "type" in value && typeof value.type === "string"
  );
}

class Copy {
  hasBytes = false;

  value(value: unknown, path: string, depth: number): LayerValue {
    switch (typeof value) {
      case "string":
      case "boolean":
      case "number":
        return value;
      case "bigint":
        if (value >= MIN_INT64 && value < MAX_UINT64) return value;
        throw invalid(`expected \`${path}\` to fit in 64 bits`);
      case "object":
        return this.#object(value, path, depth);
      default:
        throw invalid(`expected \`${path}\` to be plain data, got a ${typeof value}`);
    }
  }

  #object(value: object | null, path: string, depth: number): LayerValue {
    if (value === null) return null;
    if (depth >= MAX_DEPTH) throw invalid(`\`${path}\` is nested deeper than ${MAX_DEPTH} levels`);
    if (value instanceof Uint8Array) {
      this.hasBytes = true;
      return Uint8Array.from(value);
    }
    if (Array.isArray(value)) {
      const items: readonly unknown[] = value;
      return Object.freeze(
        items.map((item, index) => this.value(item, `${path}.${index}`, depth + 1)),
      );
    }
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) {
      throw invalid(`expected \`${path}\` to be plain data, got a ${value.constructor.name}`);
    }
    const copy: Record<string, LayerValue> = {};
    for (const [key, item] of Object.entries(value)) {
      if (item === undefined) continue;
      const copied = this.value(item, `${path}.${key}`, depth + 1);
      // A plain assignment to "__proto__" would change the prototype instead of adding a field.
      if (key === "__proto__") {
        Object.defineProperty(copy, key, { value: copied, enumerable: true });
      } else copy[key] = copied;
    }
    return Object.freeze(copy);
  }
}

function invalid(what: string): TidingsError {
  const code: ErrorCode = "LAYER_INVALID_MESSAGE";
  return new TidingsError(code, what);
}
