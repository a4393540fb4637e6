import type { AnyRedisClientOptions } from "@redis/client";

import { toError } from "../core/errors.ts";
import { RedisUnavailable, toLinkError, toTransactionReplies } from "./redis-errors.ts";
import type { RedisLink, RedisLinkEvents } from "./redis-link.ts";
import type { RedisTlsOptions } from "./redis-options.ts";
import type { RedisAddress } from "./redis-url.ts";
import type { RedisArgument, RedisReply } from "./redis.ts";

/** After this long without a byte the kernel asks whether the other side is there. */
const KEEP_ALIVE_DELAY_MS = 5_000;

/** How to open one connection. */
export interface LinkTarget {
  readonly address: RedisAddress;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly database?: number | undefined;
  readonly tls?: RedisTlsOptions | undefined;
  readonly connectTimeoutMs: number;
}

/** Opens a connection with `@redis/client`. */
export async function dialClient(target: LinkTarget, events: RedisLinkEvents): Promise<RedisLink> {
  // Loaded at the first connection: who uses no Redis need not pay for it.
  const { createClient, RESP_TYPES } = await import("@redis/client");
  const typeMapping = { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.SIMPLE_STRING]: Buffer };
  // A timeout here is an AbortSignal for each command; the lanes have cheaper ones.
  const client = createClient({
    ...toOptions(target),
    commandOptions: { timeout: 0, typeMapping },
  });
  let state: "opening" | "open" | "over" = "opening";
  let firstError: unknown;
  client.on("error", (error: unknown) => {
    const wasOpen = state === "open";
    state = "over";
    firstError ??= error;
    client.destroy();
    if (wasOpen) events.onBreak(toError(error));
  });
  const slow = setTimeout(() => client.destroy(), 2 * target.connectTimeoutMs);
  try {
    await client.connect();
    // A server that still reads its file from disk takes connections and refuses commands.
    await client.sendCommand(["PING"]);
    state = "open";
  } catch (error) {
    client.destroy();
    // Commands of the handshake end with `Disconnects client`, which says nothing.
    throw toUnreachable(target.address, firstError ?? error);
  } finally {
    clearTimeout(slow);
  }
  const onMessage = (payload: Buffer, channel: Buffer): void => {
    events.onMessage(channel.toString(), payload);
  };
  // A cluster moved the channel to another node: nothing is heard of it here any more.
  client.on("sharded-channel-moved", (channel: unknown) => {
    if (state !== "open") return;
    state = "over";
    client.destroy();
    events.onBreak(new Error(`channel ${String(channel)} moved to another node`));
  });

  const command = async (args: readonly RedisArgument[]): Promise<RedisReply> => {
    try {
      return await client.sendCommand<RedisReply>(args.map(toArgument));
    } catch (error) {
      throw toLinkError(error);
    }
  };
  return {
    command,
    async transaction(commands) {
      return await toTransactionReplies([["MULTI"], ...commands, ["EXEC"]].map(command));
    },
    async subscribe(channels, isSharded) {
      try {
        // Channels of a cluster may be in different slots of one node: one command each.
        if (isSharded) {
          await Promise.all(channels.map((name) => client.sSubscribe(name, onMessage, true)));
        } else await client.subscribe([...channels], onMessage, true);
      } catch (error) {
        throw toLinkError(error);
      }
    },
    async unsubscribe(channels, isSharded) {
      try {
        if (isSharded) {
          await Promise.all(channels.map((name) => client.sUnsubscribe(name, onMessage, true)));
        } else await client.unsubscribe([...channels], onMessage, true);
      } catch (error) {
        throw toLinkError(error);
      }
    },
    close() {
      state = "over";
      client.destroy();
    },
  };
}

function toOptions({ address, tls, ...target }: LinkTarget): AnyRedisClientOptions {
  const socket = {
    ...address,
    connectTimeout: target.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
    reconnectStrategy: false,
  } as const;
  return {
    // RESP2: what every Redis, Valkey and proxy speaks, and what ioredis answers in too.
    RESP: 2,
    socket: tls ? { ...socket, ...definedOf(tls), tls: true } : socket,
    ...(target.username !== undefined && { username: target.username }),
    ...(target.password !== undefined && { password: target.password }),
    ...(target.database && { database: target.database }),
    disableClientInfo: true,
    maintNotifications: "disabled",
  };
}

function definedOf(options: RedisTlsOptions): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function toArgument(argument: RedisArgument): string | Buffer {
  if (typeof argument === "string" || Buffer.isBuffer(argument)) return argument;
  return Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength);
}

function toUnreachable({ host, port }: RedisAddress, error: unknown): Error {
  const { message } = toError(error);
  return new RedisUnavailable(`cannot connect to Redis at ${host}:${port}: ${message}`, {
    cause: error,
  });
}
