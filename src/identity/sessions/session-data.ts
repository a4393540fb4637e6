import type { StandardSchemaV1 } from "@standard-schema/spec";

import { TidingsError } from "../../core/errors.ts";
import { wrongKind } from "../../core/options.ts";
import { validate } from "../../core/schema.ts";

/** What a session holds, as any Standard Schema library describes it: JSON that it leaves as it is. */
export type SessionDataSchema<TData> = StandardSchemaV1<TData, TData>;

/** What is kept of a session, wherever it is kept. */
export interface SessionRecord<TData> {
  readonly data: TData;
  readonly createdAt: number;
}

/** Returns a schema, or throws OPTION_INVALID for what is none. */
export function assertSchema<TData>(data: SessionDataSchema<TData>): SessionDataSchema<TData> {
  const value: unknown = data;
  const canBe = (typeof value === "object" && value !== null) || typeof value === "function";
  if (canBe && "~standard" in value) return data;
  throw wrongKind("data", "a schema", value);
}

/**
 * The JSON of a session's record.
 *
 * @throws {SchemaError} MESSAGE_INVALID when the data does not fit its schema.
 * @throws {TidingsError} SESSION_TOO_LARGE when it has more than `maxBytes`.
 */
export async function encodeSession<TData>(
  schema: SessionDataSchema<TData>,
  { data, createdAt }: SessionRecord<TData>,
  maxBytes: number,
): Promise<string> {
  const valid = await validate(schema, data, "the session's data");
  const text = JSON.stringify({ createdAt, data: valid });
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxBytes) return text;
  throw new TidingsError(
    "SESSION_TOO_LARGE",
    `expected a session of at most ${maxBytes} bytes as JSON, got ${bytes}; keep what is large elsewhere`,
  );
}

/** Reads it again; `null` when it is none, or its data no longer fits the schema. */
export async function decodeSession<TData>(
  schema: SessionDataSchema<TData>,
  text: string,
): Promise<SessionRecord<TData> | null> {
  const { createdAt, data } = parse(text);
  if (typeof createdAt !== "number") return null;
  const result = await schema["~standard"].validate(data);
  return result.issues ? null : { createdAt, data: result.value };
}

function parse(text: string): { readonly createdAt?: unknown; readonly data?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
