import type { RedisArgument, RedisReply } from "./redis.ts";

const SCAN_COUNT = "1000";

/** Runs a command on one server, always the same. */
export type RunOnServer = (args: readonly RedisArgument[]) => Promise<RedisReply>;

/** Yields the keys of one server that match a glob, in parts; a key may come twice. */
export async function* scanKeys(
  run: RunOnServer,
  pattern: string,
): AsyncGenerator<readonly string[], void, undefined> {
  let cursor = "0";
  do {
    const reply = await run(["SCAN", cursor, "MATCH", pattern, "COUNT", SCAN_COUNT]);
    const [next, keys] = Array.isArray(reply) ? reply : [];
    cursor = next === undefined ? "0" : String(next);
    yield Array.isArray(keys) ? keys.map(String) : [];
  } while (cursor !== "0");
}
