/**
 * The only folder that knows a Redis client.
 *
 * One interface over a server, sentinels, a cluster, and a client that the application already has.
 * Must never know what the commands are for.
 *
 * @module
 */
export type {
  Redis,
  RedisArgument,
  RedisCommandOptions,
  RedisCommands,
  RedisConnection,
  RedisGap,
  RedisReply,
  RedisScript,
} from "./redis.ts";
