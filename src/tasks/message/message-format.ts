import { invalidOption } from "../../core/options.ts";
import { COMPRESSIONS, type Compression } from "./compression.ts";
import { ACCEPTED, SERIALIZERS, type Serializer } from "./serializer.ts";
import type { TypedJsonOptions } from "./typed-json.ts";

/** How messages are written, and which are read. */
export interface MessageFormat extends TypedJsonOptions {
  /** How arguments are written. MessagePack has no dates, and only JSON has decimals. @default "json" */
  readonly serializer?: Serializer | undefined;
  /** How they are compressed. @default not at all */
  readonly compression?: Compression | undefined;
  /** What workers read. Never pickle. @default JSON, MessagePack, and what `serializer` names */
  readonly accept?: readonly Serializer[] | undefined;
}

/**
 * Checks a format, says what is read, and takes nothing else from the options.
 *
 * @throws {TidingsError} OPTION_INVALID for a name that is not known.
 */
export function toMessageFormat(format: MessageFormat): MessageFormat {
  const { serializer, compression, accept, typedValues } = format;
  if (serializer !== undefined) assertOneOf("serializer", SERIALIZERS, serializer);
  if (compression !== undefined) assertOneOf("compression", COMPRESSIONS, compression);
  if (accept?.length === 0) throw invalidOption("accept", "a list that is not empty", accept);
  for (const name of accept ?? []) assertOneOf("accept", SERIALIZERS, name);
  const names = serializer && !ACCEPTED.includes(serializer) ? [...ACCEPTED, serializer] : ACCEPTED;
  return { serializer, compression, typedValues, accept: accept ?? names };
}

function assertOneOf(name: string, known: readonly string[], value: string): void {
  if (!known.includes(value)) throw invalidOption(name, known.join(" or "), value);
}
