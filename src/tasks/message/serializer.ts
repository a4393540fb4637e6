import { decode, encode } from "@msgpack/msgpack";

import { TidingsError } from "../../core/errors.ts";
import { isRecord } from "../../core/is-record.ts";
import { hasTypedValues } from "./json-text.ts";
import { readTypedJson, writeTypedJson, type TypedJsonOptions } from "./typed-json.ts";
import { hasTypedForm } from "./typed-values.ts";
import { readYaml, writeYaml } from "./yaml.ts";

/** How the body of a message can be written. */
export const SERIALIZERS = ["json", "msgpack", "yaml"] as const;

/** One of {@link SERIALIZERS}. */
export type Serializer = (typeof SERIALIZERS)[number];

/** What is read unless it is said otherwise. YAML takes long to read. */
export const ACCEPTED: readonly Serializer[] = ["json", "msgpack"];

/** A body, and what the message says of it. */
export interface SerializedBody {
  readonly body: Uint8Array;
  readonly contentType: string;
  readonly contentEncoding: string;
}

interface Format {
  readonly contentType: string;
  readonly contentEncoding: string;
  readonly write: (parts: readonly BodyPart[], options: TypedJsonOptions) => Uint8Array;
  readonly read: (body: SerializedBody) => unknown;
}

/** A part of a body, and what errors call it. */
export type BodyPart = readonly [name: string, value: unknown];

const FORMATS: Readonly<Record<Serializer, Format>> = {
  json: {
    contentType: "application/json",
    contentEncoding: "utf-8",
    write: writeJson,
    read: readJson,
  },
  msgpack: {
    contentType: "application/x-msgpack",
    contentEncoding: "binary",
    write: writeMsgpack,
    read: readMsgpack,
  },
  yaml: {
    contentType: "application/x-yaml",
    contentEncoding: "utf-8",
    write: writeYamlBody,
    read: readYamlBody,
  },
};

const BY_CONTENT_TYPE: ReadonlyMap<string, Serializer> = new Map([
  [FORMATS.json.contentType, "json"],
  [FORMATS.msgpack.contentType, "msgpack"],
  [FORMATS.yaml.contentType, "yaml"],
]);

/**
 * Writes a list of parts.
 *
 * @throws {JsonRefusal} when a part cannot be carried.
 */
export function serialize(
  parts: readonly BodyPart[],
  serializer: Serializer,
  options: TypedJsonOptions = {},
): SerializedBody {
  const { contentType, contentEncoding, write } = FORMATS[serializer];
  return { body: write(parts, options), contentType, contentEncoding };
}

/**
 * Reads a body, if it is written in one of the formats that are accepted.
 *
 * @throws {TidingsError} MESSAGE_NOT_ACCEPTED when it is not.
 * @throws {TidingsError} MESSAGE_NOT_JSON or MESSAGE_INVALID when it is not what it says.
 */
export function deserialize(body: SerializedBody, accept: readonly Serializer[]): unknown {
  const serializer = BY_CONTENT_TYPE.get(body.contentType);
  if (serializer && accept.includes(serializer)) return FORMATS[serializer].read(body);
  const reason =
    body.contentType === "application/x-python-serialize"
      ? "pickle, which runs whatever its sender wants; set task_serializer to json there"
      : JSON.stringify(body.contentType.slice(0, 64));
  throw new TidingsError(
    "MESSAGE_NOT_ACCEPTED",
    `expected the body of a task message to be ${accept.join(" or ")}, got ${reason}`,
  );
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function writeJson(parts: readonly BodyPart[], options: TypedJsonOptions): Uint8Array {
  const texts = parts.map(([name, value]) => writeTypedJson(value, name, options));
  return Buffer.from(`[${texts.join()}]`);
}

function readJson({ body, contentEncoding }: SerializedBody): unknown {
  try {
    // "utf-8", "us-ascii", "binary": all but the last are names of encodings.
    const isUtf8 = contentEncoding === "utf-8" || contentEncoding === "binary";
    const decoder = isUtf8 ? utf8 : new TextDecoder(contentEncoding, { fatal: true });
    return readTypedJson(decoder.decode(body));
  } catch (error) {
    const message = "expected the body of a task message to be JSON";
    throw new TidingsError("MESSAGE_NOT_JSON", message, { cause: error });
  }
}

/** MessagePack has bytes, but neither dates nor decimals: those become text. */
function writeMsgpack(parts: readonly BodyPart[]): Uint8Array {
  const values = parts.map(([name, value]) =>
    hasTypedValues(value, name) ? toPlain(value) : value,
  );
  return encode(values, { useBigInt64: true, ignoreUndefined: true });
}

function readMsgpack({ body }: SerializedBody): unknown {
  try {
    // A length must cost no more than the bytes that came.
    const { byteLength: max } = body;
    const bounds = { maxStrLength: max, maxBinLength: max, maxArrayLength: max, maxMapLength: max };
    return toNumbers(decode(body, { useBigInt64: true, ...bounds, maxExtLength: 0 }));
  } catch (error) {
    const message = "expected the body of a task message to be MessagePack";
    throw new TidingsError("MESSAGE_INVALID", message, { cause: error });
  }
}

/** YAML has bytes and dates, but no decimals: those become text. */
function writeYamlBody(parts: readonly BodyPart[]): Uint8Array {
  for (const [name, value] of parts) hasTypedValues(value, name);
  return Buffer.from(writeYaml(parts.map(([, value]) => value)));
}

function readYamlBody({ body }: SerializedBody): unknown {
  try {
    return toNumbers(readYaml(utf8.decode(body)));
  } catch (error) {
    const message = "expected the body of a task message to be YAML without tags of its own";
    throw new TidingsError("MESSAGE_INVALID", message, { cause: error });
  }
}

function toPlain(value: unknown): unknown {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  if (hasTypedForm(value)) return JSON.parse(JSON.stringify(value));
  return mapFields(value, toPlain);
}

/** Every integer of 64 bits comes as `bigint`; those that are safe are numbers. */
function toNumbers(value: unknown): unknown {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  return typeof value === "object" && value !== null ? mapFields(value, toNumbers) : value;
}

function mapFields(value: object, map: (field: unknown) => unknown): unknown {
  if (Array.isArray(value)) return value.map(map);
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (!isRecord(value) || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, map(field)]));
}
