import type { StandardSchemaV1 } from "@standard-schema/spec";

import type { ErrorCode } from "../core/errors.ts";
import { SchemaError, validate, type SchemaIssue } from "../core/schema.ts";

/** What a client is told of a message that cannot be taken. The connection stays open. */
export interface Complaint {
  readonly type: "error";
  readonly code: ErrorCode;
  readonly message: string;
  readonly issues: readonly SchemaIssue[];
}

/** A client's message as its consumer takes it, or what is wrong with it. */
export type ClientMessage = { readonly message: unknown } | { readonly complaint: Complaint };

/**
 * Reads a client's message: JSON that fits the consumer's schema.
 *
 * @throws what the schema throws of its own, which is the application's fault, not the client's.
 */
export async function readClientMessage(
  text: string,
  schema: StandardSchemaV1 | undefined,
): Promise<ClientMessage> {
  const parsed = parseJson(text);
  if (!parsed) return complain("MESSAGE_NOT_JSON", "expected a message in JSON");
  if (!schema) return complain("MESSAGE_INVALID", "this consumer takes no messages");
  try {
    return { message: await validate(schema, parsed.value, "the message") };
  } catch (thrown) {
    if (!(thrown instanceof SchemaError)) throw thrown;
    return complain(thrown.code, thrown.message, thrown.issues);
  }
}

function complain(
  code: ErrorCode,
  message: string,
  issues: readonly SchemaIssue[] = [],
): ClientMessage {
  return { complaint: { type: "error", code, message, issues } };
}

function parseJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) };
  } catch {
    return undefined; // the caller tells the client
  }
}
