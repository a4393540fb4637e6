import { isRecord } from "../core/is-record.ts";
import { invalidOption } from "../core/options.ts";

/** Throws `OPTION_INVALID` when an option that is given is neither a schema, nor schemas by type. */
export function assertSchemas(name: string, schemas: unknown): void {
  if (schemas === undefined || isStandardSchema(schemas)) return;
  if (!isRecord(schemas)) throw invalidOption(name, "a schema, or schemas by type", schemas);
  assertSchemasByType(name, schemas);
}

/** Throws `OPTION_INVALID` when an option is no object of schemas. */
export function assertSchemasByType(name: string, schemas: unknown): void {
  if (!isRecord(schemas)) throw invalidOption(name, "schemas by type", schemas);
  for (const [type, schema] of Object.entries(schemas)) {
    if (!isStandardSchema(schema)) throw invalidOption(`${name}.${type}`, "a schema", schema);
  }
}

/** Some libraries make functions of their schemas. */
export function isStandardSchema(value: unknown): boolean {
  const isThing = typeof value === "function" || (typeof value === "object" && value !== null);
  return isThing && "~standard" in value;
}
