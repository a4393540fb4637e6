import {
  assertFunction,
  assertKnownOptions,
  assertMethods,
  invalidOption,
  optionNames,
} from "../../core/options.ts";
import type { Redis } from "../../redis/index.ts";
import { SESSION_KEY, type DjangoSessionEngine } from "./session-engine.ts";
import { toStorageError } from "./storage-error.ts";

/** Looks up a key of Django's cache; nothing for one that is not there, or expired. */
export type GetFromCache = (
  key: string,
) => Uint8Array | null | undefined | Promise<Uint8Array | null | undefined>;

/** How Django's cache names what it keeps. */
export interface DjangoCacheKeys {
  /** `KEY_PREFIX` of the cache. @default "" */
  readonly prefix?: string | undefined;
  /** `VERSION` of the cache. @default 1 */
  readonly version?: number | undefined;
}

/** A Redis that Django 4.0 or later, or the package django-redis, uses as its cache. */
export interface DjangoRedisCache extends DjangoCacheKeys {
  readonly redis: Pick<Redis, "command">;
}

/** Any other cache: returns the value as Django wrote it, the pickle's bytes. */
export interface DjangoOtherCache extends DjangoCacheKeys {
  readonly get: GetFromCache;
}

export type DjangoCacheOptions = DjangoRedisCache | DjangoOtherCache;

const NAMES = optionNames<DjangoRedisCache & DjangoOtherCache>({
  prefix: true,
  version: true,
  redis: true,
  get: true,
});

/**
 * Sessions in Django's cache: `django.contrib.sessions.backends.cache`.
 *
 * A cache keeps pickles. They are read without executing anything, which is why a session that holds
 * more than plain data (a date, a model) counts as nobody's. So does one that the cache has dropped,
 * as it does for Django. For `cached_db`, give {@link djangoDatabase}.
 *
 * @throws {TidingsError} OPTION_INVALID for an option that is bad, missing, or that nobody knows; from its method STORAGE_UNAVAILABLE when
 *   the cache cannot be asked.
 */
export function djangoCache(options: DjangoCacheOptions): DjangoSessionEngine {
  assertKnownOptions("`djangoCache`", options, NAMES);
  const { prefix = "", version = 1 } = options;
  if (!Number.isSafeInteger(version)) throw invalidOption("version", "an integer", version);
  const get = "get" in options ? options.get : getFromRedis(options.redis);
  assertFunction("get", get);
  return {
    async load(cookie) {
      if (!SESSION_KEY.test(cookie)) return null;
      try {
        const data = await get(`${prefix}:${version}:django.contrib.sessions.cache${cookie}`);
        return data ? { data } : null;
      } catch (thrown) {
        throw toStorageError("the cache", thrown, cookie);
      }
    },
  };
}

function getFromRedis(redis: Pick<Redis, "command">): GetFromCache {
  assertMethods("redis", redis, ["command"]);
  return async (key) => {
    const reply = await redis.command(["GET", key]);
    return Buffer.isBuffer(reply) ? reply : null;
  };
}
