import type { RedisArgument, RedisReply } from "./redis.ts";

/** What happens on a link by itself. */
export interface RedisLinkEvents {
  /** A message of a channel that the link is subscribed to. */
  onMessage(channel: string, payload: Buffer): void;
  /** The link is gone for good; called once, never for a link that `close` ended. */
  onBreak(error: Error): void;
}

/**
 * One connection to one Redis, ready for use, that never connects again.
 *
 * All that Tidings needs from a client library. Every promise rejects when the link breaks or is
 * closed; an error reply rejects with a {@link RedisRefusal}.
 */
export interface RedisLink {
  command(args: readonly RedisArgument[]): Promise<RedisReply>;
  /** Writes MULTI, the commands and EXEC at once; the reply is that of EXEC. */
  transaction(commands: readonly (readonly RedisArgument[])[]): Promise<readonly RedisReply[]>;
  subscribe(channels: readonly string[], isSharded: boolean): Promise<void>;
  unsubscribe(channels: readonly string[], isSharded: boolean): Promise<void>;
  /** Cuts the connection at once. */
  close(): void;
}

/** Makes a link, or rejects after a bounded time. */
export type DialRedis = (events: RedisLinkEvents) => Promise<RedisLink>;
