import { TidingsError } from "../core/errors.ts";
import {
  assertGroupName,
  createCodec,
  isolateMessage,
  type Codec,
  type CodecOptions,
  type OutgoingMessage,
} from "../layers/index.ts";
import { RESET_REASONS, type Position } from "../protocol/index.ts";
import type { Redis, RedisArgument, RedisReply, RedisScript } from "../redis/index.ts";
import { DEFAULT_LIMIT, EPOCH_TTL_MS, toHistoryBounds } from "./history-bounds.ts";
import {
  type GroupHistory,
  type HistoryBounds,
  type HistoryEntry,
  type HistoryListener,
  type Recovery,
} from "./history.ts";
import { newEpoch } from "./new-epoch.ts";
import { APPEND, POSITION, SINCE } from "./redis-scripts.ts";

/** Options of the {@link RedisHistory}. */
export interface RedisHistoryOptions extends Pick<
  CodecOptions,
  "format" | "symmetricEncryptionKeys"
> {
  /** What its keys and channels start with. @default "tidings:history:" */
  readonly prefix?: string | undefined;
}

/**
 * The history of groups in Redis 6 or later; on a cluster, Redis 7.
 *
 * Survives: restarts of ours, and of Redis as far as it persists. What Redis loses of the last moments
 * is lost, but no offset is given twice: they jump when its run id has changed. Reaches: every process
 * on that Redis. One script adds and publishes. An `append` that throws REDIS_UNAVAILABLE may have
 * been done. Ages are those of the clock of Redis. The Redis is closed together with the history.
 */
export class RedisHistory implements GroupHistory {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #codec: Codec;
  readonly #listeners = new Map<string, Set<HistoryListener>>();
  readonly #endGaps: () => void;
  #isClosed = false;

  constructor(redis: Redis, { prefix = "tidings:history:", ...codec }: RedisHistoryOptions = {}) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#codec = createCodec(codec);
    this.#endGaps = redis.onGap(() => {
      for (const group of this.#listeners.keys()) this.#tellGap(group);
    });
  }

  async append(group: string, message: OutgoingMessage, bounds?: HistoryBounds): Promise<Position> {
    this.#assertUsable(group);
    const { size, ageMs } = toHistoryBounds(bounds);
    const payload = this.#codec.encode(isolateMessage(message).message);
    const publish = this.#redis.isCluster ? "SPUBLISH" : "PUBLISH";
    const args = [payload, String(size), String(ageMs), publish];
    return toPosition(await this.#run(APPEND, group, args));
  }

  async position(group: string): Promise<Position> {
    this.#assertUsable(group);
    return toPosition(await this.#run(POSITION, group));
  }

  async since(
    group: string,
    { epoch, offset }: Position,
    limit: number = DEFAULT_LIMIT,
  ): Promise<Recovery> {
    this.#assertUsable(group);
    const args = [epoch, String(offset), String(limit)];
    const [kind, ...rest] = await this.#run(SINCE, group, args);
    const position = toPosition(rest);
    const reason = RESET_REASONS.find((each) => each === String(kind));
    if (reason) return { kind: "reset", reason, position };
    const entries: HistoryEntry[] = [];
    for (let index = 2; index < rest.length; index += 2) {
      const entryPosition = { epoch: position.epoch, offset: Number(rest[index]) };
      const entry = this.#decode(entryPosition, rest[index + 1]);
      // What cannot be read, because its key is unknown here, is as good as gone.
      if (!entry) return { kind: "reset", reason: "evicted", position };
      entries.push(entry);
    }
    return { kind: "recovered", entries, position };
  }

  async listen(group: string, listener: HistoryListener): Promise<() => void> {
    this.#assertUsable(group);
    const listeners = this.#listeners.get(group) ?? new Set();
    this.#listeners.set(group, listeners);
    listeners.add(listener);
    const unlisten = (): void => {
      if (!listeners.delete(listener) || listeners.size > 0) return;
      this.#listeners.delete(group);
      // Only fails when Redis is out of reach, and then hears nothing either.
      this.#redis.unsubscribe(this.#channel(group)).catch(() => undefined);
    };
    try {
      const onPayload = (payload: Buffer): void => this.#onPayload(group, payload);
      await this.#redis.subscribe(this.#channel(group), onPayload);
    } catch (error) {
      unlisten();
      throw error;
    }
    return unlisten;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#endGaps();
    this.#listeners.clear();
    await this.#redis.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run(
    script: RedisScript,
    group: string,
    args: readonly RedisArgument[] = [],
  ): Promise<readonly RedisReply[]> {
    const key = this.#key(group);
    const keys = [key, `${key}:entries`, this.#channel(group)];
    const reply = await this.#redis.script(script, keys, [
      newEpoch(),
      String(EPOCH_TTL_MS),
      ...args,
    ]);
    return Array.isArray(reply) ? reply : [];
  }

  #onPayload(group: string, payload: Buffer): void {
    const epochEnd = payload.indexOf(".");
    const offsetEnd = payload.indexOf(".", epochEnd + 1);
    const epoch = payload.toString("latin1", 0, epochEnd);
    const offset = Number(payload.toString("latin1", epochEnd + 1, offsetEnd));
    const entry = this.#decode({ epoch, offset }, payload.subarray(offsetEnd + 1));
    if (!entry) return this.#tellGap(group);
    for (const listener of this.#listeners.get(group) ?? []) listener.onEntry(entry);
  }

  #decode(position: Position, payload: RedisReply | undefined): HistoryEntry | undefined {
    if (!Buffer.isBuffer(payload)) return undefined;
    try {
      return { position, message: this.#codec.decode(payload).message };
    } catch {
      return undefined; // the caller takes it for missing, and says so
    }
  }

  #tellGap(group: string): void {
    for (const listener of this.#listeners.get(group) ?? []) listener.onGap();
  }

  #assertUsable(group: string): void {
    if (this.#isClosed) throw new TidingsError("HISTORY_CLOSED", "the history is closed");
    assertGroupName(group);
  }

  /** In braces, so that all keys of a group are on one node of a cluster. */
  #key(group: string): string {
    return `${this.#prefix}{${group}}`;
  }

  #channel(group: string): string {
    return `${this.#key(group)}:live`;
  }
}

function toPosition([epoch, offset]: readonly RedisReply[]): Position {
  return { epoch: String(epoch), offset: Number(offset) };
}
