import { randomBytes } from "node:crypto";

import { Notifier } from "../../core/notifier.ts";
import { Roster } from "../../core/roster.ts";
import { DelayedMessages } from "../celery-redis/delayed-messages.ts";
import { readEnvelope, rewriteEnvelope } from "../celery-redis/envelope.ts";
import { RedisExchanges } from "../celery-redis/exchanges.ts";
import { ExpiredLeases } from "../celery-redis/expired-leases.ts";
import { Publisher, toQueuedText } from "../celery-redis/publisher.ts";
import { RedisQueueContents } from "../celery-redis/queue-contents.ts";
import { QueueWatch } from "../celery-redis/queue-watch.ts";
import { RedisClock } from "../celery-redis/redis-clock.ts";
import { RedisDelivery } from "../celery-redis/redis-delivery.ts";
import { RedisRevokedStore } from "../celery-redis/redis-revoked-store.ts";
import { RENEW } from "../celery-redis/settle.ts";
import { TAKE } from "../celery-redis/take.ts";
import {
  delayedKey,
  listKey,
  openTaskRedis,
  toList,
  type DeliveryEnd,
  type LetterWrite,
  type TaskRedis,
} from "../celery-redis/task-redis.ts";
import { VisibilitySweep } from "../celery-redis/visibility-sweep.ts";
import {
  toKeyPrefix,
  toVisibilityTimeout,
  type ConnectionSettings,
} from "../connection-settings.ts";
import { RedisControl } from "../control/redis.ts";
import { RevokedTasks } from "../control/revoked-tasks.ts";
import type { DeadLetterBounds } from "../dead-letters/dead-letter-store.ts";
import { RedisDeadLetters } from "../dead-letters/redis.ts";
import type { LimitStore, WaitingTask } from "../limits/limit-store.ts";
import { RedisLimits } from "../limits/redis.ts";
import { dueTimeOf } from "../message/message-marks.ts";
import type { EncodedMessage } from "../message/message.ts";
import { PRIORITY_STEPS } from "../priority.ts";
import type { ResultStore } from "../results/result-store.ts";
import type {
  Broker,
  CancelledMessage,
  Delivery,
  PutBackOptions,
  Settle,
  TakeRequest,
} from "./broker.ts";

/** How to make a {@link RedisBroker}. */
export interface RedisBrokerOptions extends ConnectionSettings {
  /** The time in milliseconds, for tests. @default the clock of Redis */
  readonly now?: (() => number) | undefined;
  /** How many dead letters it keeps, and how long. */
  readonly deadLetters?: DeadLetterBounds | undefined;
}

/** One script takes no more than this. */
const MAX_TAKEN = 1_000;

/** A delivery that nobody renews or settles is forgotten so long after its lease ran out. */
const FORGET_MS = 600_000;

/** No taking has this name. */
const NO_FIELD = "_tidings.none";

/**
 * A broker in Redis, in the layout of Celery's: Python workers and callers share its queues.
 *
 * Delivery: at least once. Survives: what Redis survives. Bound: the memory of Redis.
 *
 * What is taken is written down in the step that takes it, and leased; the lease is refreshed for
 * Python's eyes too, so that its sweep never restores a task that runs. A message that is not due yet
 * goes into a sorted set of ours, whoever sent it, and not into a worker's memory.
 */
export class RedisBroker implements Broker {
  readonly contents: RedisQueueContents;
  readonly control: RedisControl;
  readonly revoked: RevokedTasks;
  readonly limits: LimitStore;
  readonly deadLetters: RedisDeadLetters;
  readonly exchanges: RedisExchanges;
  readonly #redis: TaskRedis;
  readonly #clock: RedisClock;
  readonly #publisher: Publisher;
  readonly #delayed: DelayedMessages;
  readonly #watch: QueueWatch;
  readonly #expired: ExpiredLeases;
  readonly #sweep: VisibilitySweep;
  readonly #changes = new Notifier<void>();
  /**
   * Unique to this broker, so that its fields are.
   *
   * Members of more than 64 bytes make Redis find them by their hash rather than by going through all of
   * them: of what it does for a task, that was a third.
   */
  readonly #name = randomBytes(48).toString("base64url");
  readonly #held = new Roster<RedisDelivery>();
  #takes = 0;
  #closed = false;

  constructor(url: string, { now, deadLetters: bounds, ...settings }: RedisBrokerOptions = {}) {
    this.#redis = openTaskRedis(url, { tls: settings.tls, prefix: toKeyPrefix(settings) });
    this.#clock = new RedisClock(now);
    this.#publisher = new Publisher(this.#redis);
    this.#delayed = new DelayedMessages(this.#redis);
    this.#watch = new QueueWatch(this.#redis, () => this.#changes.announce());
    this.exchanges = new RedisExchanges(this.#redis, this.publish.bind(this));
    this.control = new RedisControl(this.#redis);
    this.revoked = new RevokedTasks(this.control, {
      now: () => this.#clock.time,
      store: new RedisRevokedStore(this.#redis),
    });
    this.#expired = new ExpiredLeases(this.#redis);
    this.#sweep = new VisibilitySweep(this.#redis, toVisibilityTimeout(settings));
    this.contents = new RedisQueueContents(this.#redis);
    this.revoked.onChange(() => this.#changes.announce());
    this.limits = new RedisLimits(this.#redis, now);
    this.deadLetters = new RedisDeadLetters(this.#redis, {
      bounds,
      now: () => this.#clock.time,
      bury: (delivery, letter) => this.#end(delivery, this.#toEnd(delivery, null), letter),
    });
  }

  get trouble(): Error | undefined {
    return this.#redis.trouble;
  }

  async publish(queue: string, message: EncodedMessage, dueAt?: number): Promise<boolean> {
    await this.#publisher.push({ queue, message, dueAt });
    this.#watch.touch();
    return true;
  }

  async take({ queues, limit, leaseMs }: TakeRequest): Promise<readonly Delivery[]> {
    if (queues.length === 0) return [];
    await this.revoked.start();
    if (this.#watch.isQuiet(queues, this.#clock.time)) return [];
    const start = this.#takes % queues.length;
    const turn = [...queues.slice(start), ...queues.slice(0, start)];
    const fields = `${this.#name}.${this.#takes++}.`;
    const { taken, since, leases, delayed } = this.#redis.keys;
    const keys = [
      taken,
      since,
      leases,
      delayed,
      ...turn.map(delayedKey),
      ...PRIORITY_STEPS.flatMap((step) => turn.map((queue) => listKey(queue, step))),
    ];
    const args = [
      String(turn.length),
      String(Math.min(limit, MAX_TAKEN)),
      String(leaseMs),
      this.#clock.word,
      fields,
      ...turn.map((queue) => JSON.stringify(queue)),
    ];
    const askedAt = Date.now();
    const [now, ...found] = toList(
      await this.#redis.run((redis) => redis.script(TAKE, keys, args)),
    );
    this.#clock.learn(askedAt, Number(now));
    const deliveries: Delivery[] = [];
    const early: Promise<unknown>[] = [];
    const { time } = this.#clock;
    for (let index = 0; index < found.length; index += 2) {
      const field = `${fields}${index / 2 + 1}`;
      const envelope = readEnvelope(String(found[index + 1]), field);
      const { message, marks } = envelope;
      const delivery = new RedisDelivery(envelope, {
        queue: turn[Number(found[index]) - 1] ?? "",
        field,
        until: time + leaseMs,
        cancelled: this.revoked.has(message.id),
      });
      delivery.place = this.#held.add(delivery);
      const dueAt = dueTimeOf(message, marks);
      if (dueAt !== null && dueAt > time && !delivery.cancelled) {
        early.push(this.putBack(delivery, { dueAt }));
      } else deliveries.push(delivery);
    }
    await Promise.all(early);
    return deliveries;
  }

  async nextDueAt(queues: readonly string[]): Promise<number | null> {
    const dueAt = queues.length === 0 ? null : await this.#watch.look(queues);
    return dueAt === null ? null : this.#clock.toLocal(dueAt);
  }

  async renew(deliveries: readonly Delivery[], leaseMs: number): Promise<readonly Delivery[]> {
    if (deliveries.length === 0) return [];
    const { taken, since, leases } = this.#redis.keys;
    const fields = deliveries.map(fieldOf);
    const words = [String(leaseMs), this.#clock.word, ...fields];
    const replies = toList(
      await this.#redis.run((redis) => redis.script(RENEW, [taken, since, leases], words)),
    );
    return deliveries.filter((delivery, index) => {
      if (delivery instanceof RedisDelivery) delivery.until = this.#clock.time + leaseMs;
      if (replies[index] === 1) return false;
      this.#release(delivery);
      return true;
    });
  }

  async reclaim(): Promise<number> {
    let reclaimed = await this.#expired.restore(this.#clock.word);
    reclaimed += await this.#sweep.sweep(this.#clock.time);
    const { time } = this.#clock;
    for (const held of this.#held) if (held.until + FORGET_MS < time) this.#release(held);
    if (reclaimed > 0) this.#watch.touch();
    return reclaimed;
  }

  async acknowledge(delivery: Delivery): Promise<boolean> {
    return await this.#end(delivery, this.#toEnd(delivery, null));
  }

  async putBack(delivery: Delivery, options: PutBackOptions = {}): Promise<boolean> {
    if (options.queue !== undefined) await this.#publisher.declare(options.queue);
    const ended = await this.#end(delivery, this.#toEnd(delivery, options));
    if (ended) this.#watch.touch();
    return ended;
  }

  settleWith(results: ResultStore): Settle | undefined {
    const { redis } = results;
    if (redis?.place !== this.#redis) return undefined;
    return async (delivery, { record, retry, death, sends = [] }) => {
      if (retry?.queue !== undefined) await this.#publisher.declare(retry.queue);
      const end = this.#toEnd(delivery, retry);
      const write = record && redis.toWrite(record);
      for (const { queue } of sends) await this.#publisher.declare(queue);
      const letter = retry || !death ? undefined : this.deadLetters.toWrite(delivery, death);
      const item = { end, record: write, sends: sends.map(toQueuedText), letter };
      const { ended, revision } = await this.#redis.settle(item);
      this.#release(delivery);
      if (write && revision > 0) redis.announce(write, revision);
      if (ended && (retry || sends.length > 0)) this.#watch.touch();
      return ended;
    };
  }

  /**
   * Revokes a task, in Python too.
   *
   * A message that is delayed, or that this process has, is found. One that lies in a list is not looked
   * for, since the list may hold a million: it is marked, and whoever takes it does not run it.
   */
  async cancel(id: string): Promise<CancelledMessage | null> {
    await this.revoked.revoke(id);
    for (const { id: heldId, queue, message } of this.#held) {
      if (heldId === id) return { queue, message, running: true };
    }
    const delayed = await this.#delayed.find(id);
    if (!delayed) return { queue: null, message: null, running: false };
    const { queue, message } = delayed;
    await this.#delayed.release(id, queue);
    this.#watch.touch();
    return { queue, message, running: false };
  }

  async discard(id: string): Promise<void> {
    if (this.revoked.has(id)) await this.#delayed.remove(id);
  }

  async hasten(tasks: readonly WaitingTask[]): Promise<void> {
    await this.#delayed.hasten(tasks);
    this.#watch.touch();
  }

  now(): number {
    return this.#clock.time;
  }

  async listCancelled(): Promise<readonly string[]> {
    return [...this.#held].map(({ id }) => id).filter((id) => this.revoked.terminates(id));
  }

  reconnect(): Promise<void> {
    return this.#watch.reconnect();
  }

  onChange(listener: () => void): () => void {
    return this.#changes.subscribe(listener);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.revoked.close();
    await this.#watch.close();
    await this.#redis.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** It has ended, or is another's. */
  #release(delivery: Delivery): void {
    if (!(delivery instanceof RedisDelivery) || delivery.place === -1) return;
    this.#held.remove(delivery.place);
    delivery.place = -1;
  }

  /** `null` options acknowledge. */
  #toEnd(delivery: Delivery, options: PutBackOptions | null): DeliveryEnd {
    const { id, runs, lostLeases } = delivery;
    const base = { field: fieldOf(delivery), id, time: 0, text: "" };
    if (!options) return { ...base, mode: "ack", target: "" };
    const { message = delivery.message, queue = delivery.queue, dueAt = 0 } = options;
    const step = delivery instanceof RedisDelivery ? delivery.step : 0;
    const isEarly = dueAt > this.#clock.time && !this.revoked.has(id);
    // Whoever only finds that it is too early has not run it.
    const isUnrun = isEarly && !options.message;
    const marks = {
      runs: isUnrun ? runs - 1 : runs,
      lostLeases,
      dueAt: isEarly ? dueAt : null,
    };
    const text = rewriteEnvelope(queue, message, marks);
    if (isEarly) {
      const target = delayedKey(queue);
      return { ...base, mode: "delay", target, text: `${step}${text}`, time: dueAt };
    }
    const mode = options.message ? "back" : "front";
    return { ...base, mode, target: listKey(queue, step), text };
  }

  async #end(delivery: Delivery, end: DeliveryEnd, letter?: LetterWrite): Promise<boolean> {
    const { ended } = await this.#redis.settle({ end, record: null, letter });
    this.#release(delivery);
    return ended;
  }
}

function fieldOf(delivery: Delivery): string {
  return delivery instanceof RedisDelivery ? delivery.field : NO_FIELD;
}
