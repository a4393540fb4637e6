import { toError } from "../core/errors.ts";
import { RedisUnavailable, toLinkError, toTransactionReplies } from "./redis-errors.ts";
import type { DialRedis, RedisLink, RedisLinkEvents } from "./redis-link.ts";
import type { RedisAddress } from "./redis-url.ts";
import type { RedisArgument, RedisReply } from "./redis.ts";

/** An ioredis client, or an ioredis cluster: only its settings are used, by duplicating it. */
export interface IoredisClient {
  duplicate(...overrides: never): unknown;
}

/** An ioredis cluster: only its settings and its nodes are used. */
export interface IoredisCluster extends IoredisClient {
  readonly isCluster: true;
  readonly status: string;
  connect(): Promise<void>;
  once(event: "ready", listener: () => void): unknown;
  nodes(): readonly unknown[];
}

/** What we need to be otherwise than the user needs it: breaks, retries and waits are ours to handle. */
const OVERRIDES = {
  lazyConnect: true,
  protocol: 2,
  retryStrategy: () => null,
  reconnectOnError: null,
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  enableAutoPipelining: false,
  enableOfflineQueue: true,
  maxRetriesPerRequest: null,
  commandTimeout: undefined,
  blockingTimeout: undefined,
  socketTimeout: undefined,
  keyPrefix: "",
  stringNumbers: false,
  readOnly: false,
} as const;

/** Makes links by duplicating an ioredis client, one for each. */
export function dialIoredis(
  client: unknown,
  connectTimeoutMs: number,
  address?: RedisAddress,
): DialRedis {
  if (!canDuplicate(client)) throw new RedisUnavailable("the client cannot be duplicated");
  return async (events) => {
    const connection = client.duplicate({ ...OVERRIDES, ...address });
    if (!isConnection(connection)) throw new RedisUnavailable("the client is no ioredis client");
    return await open(connection, events, connectTimeoutMs);
  };
}

/** The nodes that an ioredis cluster knows, and one of them to duplicate. */
export async function nodesOf(cluster: IoredisCluster): Promise<readonly IoredisNode[]> {
  if (cluster.status === "wait") await cluster.connect();
  if (cluster.nodes().length === 0) {
    await new Promise<void>((resolve) => void cluster.once("ready", resolve));
  }
  return cluster.nodes().filter(isNode);
}

export function isIoredisCluster(client: IoredisClient): client is IoredisCluster {
  return "isCluster" in client && client.isCluster === true;
}

async function open(
  connection: IoredisConnection,
  events: RedisLinkEvents,
  connectTimeoutMs: number,
): Promise<RedisLink> {
  let state: "opening" | "open" | "over" = "opening";
  let lastError: unknown = new Error("the connection was closed");
  connection.on("error", (error: unknown) => void (lastError = error));
  connection.on("close", () => {
    const wasOpen = state === "open";
    state = "over";
    if (wasOpen) events.onBreak(toError(lastError));
  });
  connection.on("messageBuffer", (channel: Buffer, payload: Buffer) => {
    events.onMessage(channel.toString(), payload);
  });
  connection.on("smessageBuffer", (channel: Buffer, payload: Buffer) => {
    events.onMessage(channel.toString(), payload);
  });
  const slow = setTimeout(() => connection.disconnect(), 2 * connectTimeoutMs);
  try {
    await connection.connect();
    await connection.callBuffer("PING");
    state = "open";
  } catch (error) {
    connection.disconnect();
    const { message } = toError(error);
    throw new RedisUnavailable(`cannot connect to Redis: ${message}`, { cause: error });
  } finally {
    clearTimeout(slow);
  }
  const command = async ([name, ...args]: readonly RedisArgument[]): Promise<RedisReply> => {
    try {
      const reply = await connection.callBuffer(String(name), ...args.map(toArgument));
      return toReply(reply);
    } catch (error) {
      throw toLinkError(error);
    }
  };
  const subscriber =
    (verb: string) =>
    async (channels: readonly string[], isSharded: boolean): Promise<void> => {
      const name = isSharded ? `s${verb}` : verb;
      // Channels of a cluster may be in different slots of one node: one command each.
      const batches = isSharded ? channels.map((channel) => [channel]) : [channels];
      await Promise.all(batches.map((batch) => command([name, ...batch])));
    };
  return {
    command,
    async transaction(commands) {
      return await toTransactionReplies([["MULTI"], ...commands, ["EXEC"]].map(command));
    },
    subscribe: subscriber("subscribe"),
    unsubscribe: subscriber("unsubscribe"),
    close() {
      state = "over";
      connection.disconnect();
    },
  };
}

interface IoredisNode {
  readonly options: { readonly host?: string | undefined; readonly port?: number | undefined };
}

interface IoredisConnection {
  connect(): Promise<void>;
  disconnect(): void;
  callBuffer(command: string, ...args: (string | Buffer)[]): Promise<unknown>;
  on(event: string, listener: (...args: never) => void): unknown;
}

function canDuplicate(client: unknown): client is { duplicate(override: object): unknown } {
  return hasMethod(client, "duplicate");
}

function isConnection(client: unknown): client is IoredisConnection {
  return hasMethod(client, "callBuffer") && hasMethod(client, "connect");
}

function isNode(client: unknown): client is IoredisNode {
  return typeof client === "object" && client !== null && "options" in client;
}

function hasMethod(value: unknown, name: string): boolean {
  return (
    typeof value === "object" && value !== null && typeof Reflect.get(value, name) === "function"
  );
}

function toArgument(argument: RedisArgument): string | Buffer {
  if (typeof argument === "string" || Buffer.isBuffer(argument)) return argument;
  return Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength);
}

function toReply(reply: unknown): RedisReply {
  if (typeof reply === "number" || Buffer.isBuffer(reply)) return reply;
  if (typeof reply === "string") return Buffer.from(reply);
  if (!Array.isArray(reply)) return null;
  const items: readonly unknown[] = reply;
  return items.map((item) => {
    if (item instanceof Error) throw item;
    return toReply(item);
  });
}
