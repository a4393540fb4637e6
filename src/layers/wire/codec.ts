import { randomBytes } from "node:crypto";

import { isTidingsError, TidingsError, toError } from "../../core/errors.ts";
import { invalidOption } from "../../core/options.ts";
import { readPythonJson } from "../../core/read-python-json.ts";
import type { LayerMessage, LayerValue } from "../layer.ts";
import { isLayerMessage, isolateMessage, type IsolatedMessage } from "../message.ts";
import { markRecorded, recordedGroup } from "../recorded.ts";
import { Fernet } from "./fernet.ts";
import { MsgpackReader } from "./msgpack-reader.ts";
import { writeMsgpack } from "./msgpack-writer.ts";
import { writePythonJson } from "./python-json.ts";
import { readMark, writeMark } from "./recorded-mark.ts";

/** How messages are written, as `serializer_format` of channels_redis names it. */
export const SERIALIZER_FORMATS = ["msgpack", "json"] as const;

/** One of {@link SERIALIZER_FORMATS}. */
export type SerializerFormat = (typeof SERIALIZER_FORMATS)[number];

/** The field in which channels_redis writes whom of a process a message is for. */
export const CHANNEL_FIELD = "__asgi_channel__";

/** Options of a {@link Codec}. */
export interface CodecOptions {
  /** How messages are written. @default "msgpack" */
  readonly format?: SerializerFormat | undefined;
  /** Encrypts with the first key, decrypts with each. None: messages are readable. @default [] */
  readonly symmetricEncryptionKeys?: readonly (string | Uint8Array)[] | undefined;
  /** How old an encrypted message may be. @default any age */
  readonly maxAgeMs?: number | undefined;
  /** Random bytes in front, so that two equal messages differ; 0 or less: none. @default 0 */
  readonly randomPrefixLength?: number | undefined;
  /** The time in milliseconds, for tests. @default Date.now */
  readonly now?: (() => number) | undefined;
}

/** A message read from the wire, frozen, and whom of this process it is for. */
export interface DecodedMessage extends IsolatedMessage {
  /** What stood in `__asgi_channel__`; that field is not in the message. */
  readonly channels: readonly string[];
}

/** Turns messages into the bytes that channels_redis writes and reads, and back. */
export interface Codec {
  /**
   * Writes a message; `channels` becomes `__asgi_channel__`, as text or as a list, in the last place.
   *
   * @throws {TidingsError} LAYER_INVALID_MESSAGE when the format cannot carry the message.
   */
  encode(message: LayerMessage, channels?: string | readonly string[]): Buffer;
  /**
   * Reads a message.
   *
   * @throws {TidingsError} LAYER_INVALID_MESSAGE saying why the bytes are no message; never with their
   *   content.
   */
  decode(bytes: Uint8Array): DecodedMessage;
}

/** Makes the codec of a layer. */
export function createCodec({
  format = "msgpack",
  symmetricEncryptionKeys = [],
  maxAgeMs,
  randomPrefixLength = 0,
  now,
}: CodecOptions = {}): Codec {
  if (!SERIALIZER_FORMATS.includes(format)) {
    throw invalidOption("serializerFormat", `one of ${SERIALIZER_FORMATS.join(", ")}`, format);
  }
  if (!Number.isSafeInteger(randomPrefixLength)) {
    throw invalidOption("randomPrefixLength", "an integer", randomPrefixLength);
  }
  const fernet = toFernet(symmetricEncryptionKeys, { maxAgeMs, now });
  const prefixBytes = Math.max(0, randomPrefixLength);
  return {
    encode(message, channels) {
      const written = write(format, message, channels);
      const body = fernet ? fernet.encrypt(written) : written;
      return Buffer.concat([randomBytes(prefixBytes), body]);
    },
    decode(bytes) {
      const body = bytes.subarray(prefixBytes);
      return read(format, fernet ? fernet.decrypt(body) : body);
    },
  };
}

function toFernet(
  keys: readonly (string | Uint8Array)[],
  options: Pick<CodecOptions, "maxAgeMs" | "now">,
): Fernet | undefined {
  // A text is a list of its characters, each of which would make a key.
  if (!Array.isArray(keys)) {
    throw invalidOption("symmetricEncryptionKeys", "a list of keys", "a single key");
  }
  return keys.length > 0 ? new Fernet({ keys, ...options }) : undefined;
}

function withChannels(
  message: LayerMessage,
  channels: string | readonly string[] | undefined,
): LayerMessage {
  if (Object.hasOwn(message, CHANNEL_FIELD)) {
    throw invalid(`the field \`${CHANNEL_FIELD}\` belongs to the layer`);
  }
  return channels === undefined ? message : { ...message, [CHANNEL_FIELD]: channels };
}

function write(
  format: SerializerFormat,
  message: LayerMessage,
  channels: string | readonly string[] | undefined,
): Uint8Array {
  const whole = withChannels(message, channels);
  const bytes = format === "json" ? Buffer.from(writePythonJson(whole)) : writeMsgpack(whole);
  const group = recordedGroup(message);
  return group === undefined ? bytes : writeMark(bytes, group);
}

function read(format: SerializerFormat, bytes: Uint8Array): DecodedMessage {
  const { value, hasBytes } = format === "json" ? readJson(bytes) : readMsgpack(bytes);
  if (!isLayerMessage(value)) throw invalid("expected an object with a text `type`");
  const group = readMark(bytes);
  const marked = <T extends LayerMessage>(message: T): T =>
    group === undefined ? message : markRecorded(message, group);
  if (!Object.hasOwn(value, CHANNEL_FIELD)) {
    return { message: marked(value), hasBytes, channels: [] };
  }
  const { [CHANNEL_FIELD]: channels, ...message } = value;
  return { message: marked(Object.freeze(message)), hasBytes, channels: toChannels(channels) };
}

function readMsgpack(bytes: Uint8Array): ReadValue {
  const reader = new MsgpackReader(bytes);
  const value = reader.read();
  return { value, hasBytes: reader.hasBytes };
}

function readJson(bytes: Uint8Array): ReadValue {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const parsed = readPythonJson(text);
    if (!isLayerMessage(parsed)) return { value: null, hasBytes: false };
    return { value: isolateMessage(parsed).message, hasBytes: false };
  } catch (error) {
    if (isTidingsError(error)) throw error;
    // The text of a syntax error quotes the message, which is nobody's business.
    throw invalid(`a message is not valid JSON (${toError(error).name})`);
  }
}

interface ReadValue {
  readonly value: LayerValue;
  readonly hasBytes: boolean;
}

/** Text from `send`, a list from `groupSend`. */
function toChannels(value: LayerValue | undefined): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.every((item) => typeof item === "string")) return list;
  throw invalid(`\`${CHANNEL_FIELD}\` is neither a channel name nor a list of them`);
}

function invalid(why: string): TidingsError {
  return new TidingsError("LAYER_INVALID_MESSAGE", why);
}
