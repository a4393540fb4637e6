/**
 * The only folder that speaks with Redis.
 *
 * One interface over a server, sentinels, a cluster, and a client that the application already has.
 * Must never know what the commands are for.
 *
 * @module
 */
export type { IoredisClient, IoredisCluster } from "./ioredis-link.ts";
export { fromIoredis, openRedis, type RedisSettings } from "./open-redis.ts";
export { PrefixedRedis } from "./prefixed-redis.ts";
export { RedisRefusal, RedisUnavailable } from "./redis-errors.ts";
export { REDIS_OPTIONS, type RedisOptions, type RedisTlsOptions } from "./redis-options.ts";
export { parseRedisUrls, type RedisAddress, type RedisUrl } from "./redis-url.ts";
export type {
  Redis,
  RedisArgument,
  RedisCommandOptions,
  RedisCommands,
  RedisConnection,
  RedisGap,
  RedisKeyWatch,
  RedisReply,
  RedisScript,
} from "./redis.ts";
