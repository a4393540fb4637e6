import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";

import type { Env } from "../env.ts";

/** Reads the text fields of a form; one that is missing, or a file, reads as empty. */
export async function readFields(context: Context<Env>): Promise<(name: string) => string> {
  let fields: Readonly<Record<string, unknown>>;
  try {
    fields = await context.req.parseBody();
  } catch (cause) {
    if (isTooLarge(cause)) throw cause;
    throw new HTTPException(400, { message: "the form cannot be read", cause });
  }
  return (name) => {
    const value = fields[name];
    return typeof value === "string" ? value : "";
  };
}

/** Whether a body was larger than the server takes; the server itself answers this one, with 413. */
export function isTooLarge(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_BODY_TOO_LARGE";
}
