import { createHash } from "node:crypto";

import { RedisRefusal } from "./redis-errors.ts";
import type { RedisArgument, RedisCommands, RedisReply, RedisScript } from "./redis.ts";

const hashes = new WeakMap<RedisScript, string>();

/** Runs a script by its hash, and whole when Redis does not know it: a restart forgets scripts. */
export async function runScript(
  redis: RedisCommands,
  script: RedisScript,
  [keys, args]: readonly [keys: readonly RedisArgument[], args: readonly RedisArgument[]],
): Promise<RedisReply> {
  const rest = [String(keys.length), ...keys, ...args];
  const key = keys[0];
  try {
    return await redis.command(["EVALSHA", hashOf(script), ...rest], { key });
  } catch (error) {
    if (!(error instanceof RedisRefusal && error.is("NOSCRIPT"))) throw error;
    return await redis.command(["EVAL", script.source, ...rest], { key });
  }
}

function hashOf(script: RedisScript): string {
  let hash = hashes.get(script);
  if (hash === undefined) {
    // Redis names scripts by SHA-1; nothing here depends on its strength.
    hash = createHash("sha1").update(script.source).digest("hex");
    hashes.set(script, hash);
  }
  return hash;
}
