import { connect, isIP, type OnReadOpts, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

import { BoundedQueue } from "../core/bounded-queue.ts";
import { toError } from "../core/errors.ts";
import {
  RedisRefusal,
  RedisUnavailable,
  brokenError,
  toTransactionReplies,
} from "./redis-errors.ts";
import type { RedisLink, RedisLinkEvents } from "./redis-link.ts";
import type { RedisTlsOptions } from "./redis-options.ts";
import type { RedisAddress } from "./redis-url.ts";
import type { RedisArgument, RedisReply } from "./redis.ts";
import { ReplyReader } from "./reply-reader.ts";

/** After this long without a byte the kernel asks whether the other side is there. */
const KEEP_ALIVE_DELAY_MS = 5_000;
/** The most that is read at once. */
const READ_BYTES = 65_536;

/** How to open one connection. */
export interface LinkTarget {
  readonly address: RedisAddress;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly database?: number | undefined;
  readonly tls?: RedisTlsOptions | undefined;
  readonly connectTimeoutMs: number;
}

/** Opens a connection to a server. */
export async function dialLink(target: LinkTarget, events: RedisLinkEvents): Promise<RedisLink> {
  const { address, username, password, database = 0, connectTimeoutMs } = target;
  const link = new ServerLink(target, events);
  const giveUp = (): void => link.fail(new Error(`no answer within ${connectTimeoutMs} ms`));
  const slow = setTimeout(giveUp, connectTimeoutMs);
  const greeting: string[][] = [];
  if (password !== undefined) {
    greeting.push(username === undefined ? ["AUTH", password] : ["AUTH", username, password]);
  }
  if (database !== 0) greeting.push(["SELECT", String(database)]);
  // A server that still reads its file from disk takes connections and refuses commands.
  greeting.push(["PING"]);
  try {
    await Promise.all(greeting.map((command) => link.command(command)));
    link.open();
    return link;
  } catch (error) {
    link.close();
    throw toUnreachable(address, link.failure ?? error);
  } finally {
    clearTimeout(slow);
  }
}

/** Who waits for a reply, or for as many as there are channels in a command. */
interface Waiter {
  readonly resolve: (reply: RedisReply) => void;
  readonly reject: (error: Error) => void;
  /** The kind of the replies that belong to a command with channels. */
  readonly kind: string | undefined;
  missing: number;
}

/**
 * A connection in RESP2: what every Redis, Valkey and proxy speaks, and what ioredis answers in too.
 *
 * Commands of one tick are written together. Bound: none of its own; lanes bound what waits.
 *
 * States: opening → open (`open`) → over (`close`, or when it breaks, which is told if it was open).
 */
class ServerLink implements RedisLink {
  readonly #socket: Socket;
  readonly #events: RedisLinkEvents;
  readonly #reader: ReplyReader;
  readonly #waiters = new BoundedQueue<Waiter>(Number.MAX_SAFE_INTEGER);
  #pieces: (string | Uint8Array)[] = [];
  #text = "";
  #state: "opening" | "open" | "over" = "opening";
  #isListener = false;
  /** Why it broke. */
  failure: Error | undefined;

  constructor(target: LinkTarget, events: RedisLinkEvents) {
    this.#events = events;
    this.#reader = new ReplyReader((reply) => this.#onReply(reply));
    this.#socket = openSocket(target, (piece) => this.#read(piece));
    this.#socket.on("error", (error) => this.fail(error));
    this.#socket.on("close", () => this.fail(new Error("the connection was closed")));
  }

  open(): void {
    if (this.#state === "opening") this.#state = "open";
  }

  command(args: readonly RedisArgument[]): Promise<RedisReply> {
    return this.#send(args, 1);
  }

  async transaction(
    commands: readonly (readonly RedisArgument[])[],
  ): Promise<readonly RedisReply[]> {
    const all = [["MULTI"], ...commands, ["EXEC"]];
    return await toTransactionReplies(all.map((args) => this.command(args)));
  }

  async subscribe(channels: readonly string[], isSharded: boolean): Promise<void> {
    this.#isListener = true;
    await this.#sendChannels(isSharded ? "ssubscribe" : "subscribe", channels);
  }

  async unsubscribe(channels: readonly string[], isSharded: boolean): Promise<void> {
    await this.#sendChannels(isSharded ? "sunsubscribe" : "unsubscribe", channels);
  }

  close(): void {
    const isOver = this.#state === "over";
    this.#state = "over";
    this.#socket.destroy();
    if (!isOver) this.#rejectAll(new Error("the connection was closed here"));
  }

  /** It is of no use any more, for whatever reason. */
  fail(error: Error): void {
    const state = this.#state;
    if (state === "over") return;
    this.#state = "over";
    this.failure = error;
    this.#socket.destroy();
    this.#rejectAll(error);
    if (state === "open") this.#events.onBreak(error);
  }

  async #sendChannels(kind: string, channels: readonly string[]): Promise<void> {
    // Channels of a cluster may be in different slots of one node: one command each.
    const isSharded = kind === "ssubscribe" || kind === "sunsubscribe";
    const batches = isSharded ? channels.map((channel) => [channel]) : [channels];
    await Promise.all(batches.map((batch) => this.#send([kind, ...batch], batch.length, kind)));
  }

  #send(args: readonly RedisArgument[], missing: number, kind?: string): Promise<RedisReply> {
    return new Promise((resolve, reject) => {
      if (this.#state === "over") return reject(brokenError(this.failure));
      this.#waiters.push({ resolve, reject, kind, missing });
      this.#write(args);
    });
  }

  #write(args: readonly RedisArgument[]): void {
    if (this.#text === "") process.nextTick(() => this.#flush());
    let text = `${this.#text}*${args.length}\r\n`;
    for (const argument of args) {
      if (typeof argument === "string") {
        text += `$${Buffer.byteLength(argument)}\r\n${argument}\r\n`;
        continue;
      }
      this.#pieces.push(`${text}$${argument.byteLength}\r\n`, argument);
      text = "\r\n";
    }
    this.#text = text;
  }

  #flush(): void {
    const socket = this.#socket;
    const pieces = this.#pieces;
    const text = this.#text;
    this.#text = "";
    if (pieces.length === 0) return void socket.write(text);
    this.#pieces = [];
    socket.cork();
    for (const piece of pieces) socket.write(piece);
    socket.write(text);
    socket.uncork();
  }

  #read(piece: Buffer): void {
    try {
      this.#reader.push(piece);
    } catch (error) {
      this.fail(toError(error));
    }
  }

  #onReply(reply: RedisReply | RedisRefusal): void {
    if (this.#isListener && Array.isArray(reply) && this.#onEvent(reply)) return;
    const waiter = this.#waiters.peek();
    if (!waiter) return this.fail(new Error("a reply came that nobody had asked for"));
    if (!(reply instanceof RedisRefusal) && --waiter.missing > 0) return;
    this.#waiters.shift();
    if (reply instanceof RedisRefusal) waiter.reject(reply);
    else waiter.resolve(reply);
  }

  /** What comes by itself. */
  #onEvent([word, channel, payload]: readonly RedisReply[]): boolean {
    const kind = String(word);
    if (kind === "message" || kind === "smessage") {
      this.#events.onMessage(String(channel), Buffer.isBuffer(payload) ? payload : NOTHING);
      return true;
    }
    if (kind !== "sunsubscribe" || this.#waiters.peek()?.kind === kind) return false;
    // A cluster moved the channel to another node: nothing is heard of it here any more.
    this.fail(new Error(`channel ${String(channel)} moved to another node`));
    return true;
  }

  #rejectAll(error: Error): void {
    for (let next = this.#waiters.shift(); next; next = this.#waiters.shift()) {
      next.reject(brokenError(error));
    }
  }
}

const NOTHING = Buffer.alloc(0);

function openSocket({ address, tls }: LinkTarget, onPiece: (piece: Buffer) => void): Socket {
  const socket = tls
    ? connectTls({ ...address, ...nameOf(address), ...definedOf(tls) }).on("data", onPiece)
    : connect({ ...address, onread: readInto(Buffer.allocUnsafe(READ_BYTES), onPiece) });
  return socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
}

/** Reads into one memory: to make another for each read takes longer than to copy what has come. */
function readInto(buffer: Buffer, onPiece: (piece: Buffer) => void): OnReadOpts {
  const callback = (length: number): boolean => {
    onPiece(Buffer.from(buffer.subarray(0, length)));
    return true;
  };
  return { buffer, callback };
}

/** Servers behind one address tell by the name which of them is meant. An address is none. */
function nameOf({ host }: RedisAddress): { readonly servername?: string } {
  return isIP(host) === 0 ? { servername: host } : {};
}

function definedOf(options: RedisTlsOptions): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

function toUnreachable({ host, port }: RedisAddress, error: unknown): Error {
  const message = error instanceof RedisRefusal ? error.reply : messageOf(error);
  return new RedisUnavailable(`cannot connect to Redis at ${host}:${port}: ${message}`, {
    cause: error,
  });
}

/** A host with several addresses fails with a list of errors, which says nothing itself. */
function messageOf(error: unknown): string {
  return error instanceof AggregateError ? messageOf(error.errors[0]) : toError(error).message;
}
