import { TidingsError } from "../../core/errors.ts";
import { assertMethods } from "../../core/options.ts";
import { openRedis } from "../../redis/index.ts";
import { MemorySessionStore } from "./memory.ts";
import { RedisSessionStore } from "./redis.ts";
import type { SessionStore } from "./session-store.ts";
import { SqliteSessionStore } from "./sqlite.ts";

/**
 * Opens the store of sessions that a URL names; a store passes through.
 *
 * - `sqlite:./data/sessions.db` is a file, for the processes of one machine; `sqlite:///var/sessions.db`
 *   is an absolute path.
 * - `redis://host:6379/0` is a Redis; `rediss:`, `redis+sentinel:` and `redis+cluster:` as for layers.
 * - `memory:` is in this process, and gone with it.
 *
 * @throws {TidingsError} APP_INVALID_URL when the URL is wrong, OPTION_INVALID for what is neither URL nor
 *   store, STORAGE_UNAVAILABLE when the file cannot be opened. Redis is not connected yet.
 */
export function openSessionStore(target: string | SessionStore): SessionStore {
  if (typeof target !== "string") {
    assertMethods("store", target, ["get", "set", "update", "delete", "close"]);
    return target;
  }
  if (target === "memory:") return new MemorySessionStore();
  if (target.startsWith("sqlite:")) return new SqliteSessionStore(toPath(target));
  if (/^rediss?[:+]/.test(target)) return new RedisSessionStore(openRedis(target));
  throw new TidingsError(
    "APP_INVALID_URL",
    `expected a store of sessions with one of the schemes sqlite:, redis:, memory:, got \`${schemeOf(target)}\``,
  );
}

function toPath(url: string): string {
  const path = decodeURIComponent(url.replace(/^sqlite:(\/\/(?=\/))?/, ""));
  if (path !== "" && !/^(:|\/\/)|[?#]/.test(path)) return path;
  throw new TidingsError(
    "APP_INVALID_URL",
    `expected a file in \`${url}\`, like sqlite:./data/sessions.db; for memory alone use memory:`,
  );
}

/** What may be shown of a URL: the rest can hold a password. */
function schemeOf(url: string): string {
  return /^[a-z][a-z+.-]*:/i.exec(url)?.[0] ?? "no scheme";
}
