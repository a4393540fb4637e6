import { invalidOption } from "../../core/options.ts";
import { COMPRESSIONS, type Compression } from "./compression.ts";
import { SERIALIZERS, type Serializer } from "./serializer.ts";

/** How messages are written, and which are read. */
export interface MessageFormat {
  /** How arguments are written. MessagePack has bytes, but neither dates nor decimals. @default "json" */
  readonly serializer?: Serializer | undefined;
  /** How they are compressed. @default not at all */
  readonly compression?: Compression | undefined;
  /** What workers read. Never pickle. @default both serializers */
  readonly accept?: readonly Serializer[] | undefined;
}

/**
 * Checks a format, and takes nothing else from the options.
 *
 * @throws {TidingsError} OPTION_INVALID for a name that is not known.
 */
export function toMessageFormat({ serializer, compression, accept }: MessageFormat): MessageFormat {
  if (serializer !== undefined) assertOneOf("serializer", SERIALIZERS, serializer);
  if (compression !== undefined) assertOneOf("compression", COMPRESSIONS, compression);
  if (accept?.length === 0) throw invalidOption("accept", "a list that is not empty", accept);
  for (const name of accept ?? []) assertOneOf("accept", SERIALIZERS, name);
  return { serializer, compression, accept };
}

function assertOneOf(name: string, known: readonly string[], value: string): void {
  if (!known.includes(value)) throw invalidOption(name, known.join(" or "), value);
}
