import type { StandardSchemaV1 } from "@standard-schema/spec";

import { TidingsError } from "./errors.ts";

/** What a schema's validation yields. */
export type SchemaOutput<TSchema extends StandardSchemaV1> = StandardSchemaV1.InferOutput<TSchema>;

/** One complaint of a schema: where, and what is wrong. */
export interface SchemaIssue {
  readonly path: string;
  readonly message: string;
}

/** Data that a schema refused. Carries the complaints, never the data. */
export class SchemaError extends TidingsError {
  static {
    this.prototype.name = "SchemaError";
  }

  readonly issues: readonly SchemaIssue[];

  constructor(what: string, found: readonly StandardSchemaV1.Issue[]) {
    const issues = found.slice(0, MAX_ISSUES).map(toIssue);
    const list = issues.map(({ path, message }) => (path ? `${path}: ${message}` : message));
    super("MESSAGE_INVALID", `${what} does not fit its schema: ${list.join("; ")}`);
    this.issues = issues;
  }
}

/**
 * Validates `data`, and returns what the schema makes of it.
 *
 * @throws {SchemaError} MESSAGE_INVALID when the schema refuses the data.
 * @see https://standardschema.dev
 */
export async function validate<TSchema extends StandardSchemaV1>(
  schema: TSchema,
  data: unknown,
  what: string,
): Promise<SchemaOutput<TSchema>> {
  return toOutput<SchemaOutput<TSchema>>(await schema["~standard"].validate(data), what);
}

/**
 * Validates `data` at once, for the hot path.
 *
 * @throws {SchemaError} MESSAGE_INVALID when the schema refuses the data.
 * @throws {TidingsError} APP_INVALID_DEFINITION when the schema needs to wait for something.
 */
export function validateSync<TSchema extends StandardSchemaV1>(
  schema: TSchema,
  data: unknown,
  what: string,
): SchemaOutput<TSchema> {
  const result = schema["~standard"].validate(data);
  if (!(result instanceof Promise)) return toOutput(result, what);
  throw new TidingsError("APP_INVALID_DEFINITION", `the schema of ${what} must be synchronous`);
}

function toOutput<TOutput>(result: StandardSchemaV1.Result<TOutput>, what: string): TOutput {
  if (!result.issues) return result.value;
  throw new SchemaError(what, result.issues);
}

function toIssue({ message, path = [] }: StandardSchemaV1.Issue): SchemaIssue {
  const parts = path.map((part) => String(typeof part === "object" ? part.key : part));
  return { path: parts.join("."), message };
}

/** More complaints than this help nobody, and an attacker could make them many. */
const MAX_ISSUES = 10;
