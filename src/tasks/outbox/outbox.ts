import { setTimeout as pause } from "node:timers/promises";

import { backoffMs } from "../../core/backoff.ts";
import { isTidingsError } from "../../core/errors.ts";
import {
  assertKnownOptions,
  assertPositiveInteger,
  invalidOption,
  optionNames,
} from "../../core/options.ts";
import type { Service, ServiceState } from "../../core/service.ts";
import { Wakeup } from "../wakeup.ts";
import { publishCall } from "./outbox-call.ts";
import type { ClaimedEntry, OutboxBacklog, OutboxStore } from "./outbox-store.ts";
import { OutboxWriter, type OutboxTasks } from "./outbox-writer.ts";

/** How an outbox relays what was written down. */
export interface OutboxOptions {
  /** How often the table is looked at when nothing tells of a commit. At least 50. @default 200 */
  readonly pollMs?: number | undefined;
}

const NAMES = optionNames<OutboxOptions>({ pollMs: true });

/** So many are claimed and sent at once. */
const BATCH = 100;

const MIN_POLL_MS = 50;

/**
 * Sends calls if, and only if, a transaction of the user's commits.
 *
 * `in(transaction).send` writes the call into a table in that transaction. A relay, which is running between `start` and
 * `stop`, moves what is committed to the broker: at least once, under the same id, in the order in which it
 * was written as long as one relay runs. Any number of them may run, in any process.
 */
export class Outbox<TTransaction> implements Service {
  readonly #store: OutboxStore<TTransaction>;
  readonly #tasks: OutboxTasks;
  readonly #pollMs: number;
  readonly #wakeup = new Wakeup();
  readonly #stopping = new AbortController();
  #state: ServiceState = "idle";
  #relaying: Promise<void> = Promise.resolve();

  /** @internal Use `tasks.createOutbox`. */
  constructor(store: OutboxStore<TTransaction>, tasks: OutboxTasks, options: OutboxOptions = {}) {
    assertKnownOptions("an outbox", options, NAMES);
    const { pollMs = 200 } = options;
    if (assertPositiveInteger("pollMs", pollMs) < MIN_POLL_MS) {
      throw invalidOption("pollMs", `at least ${MIN_POLL_MS}`, pollMs);
    }
    this.#store = store;
    this.#tasks = tasks;
    this.#pollMs = pollMs;
  }

  get state(): ServiceState {
    return this.#state;
  }

  /** Makes the table, if there is none. `schema` of the store is the SQL, for who makes tables otherwise. */
  async install(): Promise<void> {
    await this.#store.install();
  }

  /**
   * What writes calls down in a transaction.
   *
   * @example
   * await outbox.in(client).send(welcome, ["ann@example.org"]);
   */
  in(transaction: TTransaction): OutboxWriter {
    return new OutboxWriter(this.#tasks, (entries) => this.#store.write(transaction, entries));
  }

  /** What waits to be sent. */
  backlog(): Promise<OutboxBacklog> {
    return this.#store.backlog();
  }

  /** Begins to relay. What cannot be reached is tried again. */
  async start(): Promise<void> {
    if (this.#state !== "idle") return;
    this.#state = "running";
    this.#relaying = this.#relay();
  }

  /** Ends when what is being sent has been. */
  async stop(): Promise<void> {
    if (this.#state === "running") {
      this.#state = "stopping";
      this.#wakeup.wake();
      this.#stopping.abort();
      await this.#relaying;
      await this.#store.close();
      this.#state = "stopped";
    }
    await this.#relaying;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#store.close();
  }

  /** Never rejects: what goes wrong is logged, and tried again. */
  async #relay(): Promise<void> {
    let leave: (() => void) | undefined;
    for (let failures = 0; this.#state === "running";) {
      try {
        leave ??= await this.#store.listen?.(() => this.#wakeup.wake());
        const count = await this.#relayBatch();
        failures = 0;
        if (count < BATCH) await this.#waitForNews();
      } catch (error) {
        const waitMs = MIN_POLL_MS + backoffMs(failures++, { baseMs: 200, maxMs: 5_000 });
        const fields = { err: error, waitMs };
        this.#tasks.runtime.logger.warn(fields, "the outbox could not be relayed");
        await this.#pause(waitMs);
      }
    }
    leave?.();
  }

  async #waitForNews(): Promise<void> {
    if (this.#state !== "running") return;
    const timer = setTimeout(() => this.#wakeup.wake(), this.#pollMs);
    await this.#wakeup.wait();
    clearTimeout(timer);
  }

  /** Whatever is committed meanwhile, this is how long it takes, unless the relay is stopped. */
  async #pause(waitMs: number): Promise<void> {
    try {
      await pause(waitMs, undefined, { signal: this.#stopping.signal });
    } catch {
      // It is stopped.
    }
  }

  /** Returns how many were claimed. */
  async #relayBatch(): Promise<number> {
    const { broker, logger } = this.#tasks.runtime;
    const entries = await this.#store.claim(BATCH);
    if (entries.length === 0) return 0;
    const outcomes = await Promise.allSettled(entries.map((entry) => publishCall(broker, entry)));
    const sent: ClaimedEntry[] = [];
    const released: ClaimedEntry[] = [];
    const refused: ClaimedEntry[] = [];
    let failure: unknown;
    for (const [index, entry] of entries.entries()) {
      const outcome = outcomes[index];
      if (outcome?.status !== "rejected") {
        sent.push(entry);
      } else if (isTidingsError(outcome.reason, "STORAGE_UNAVAILABLE")) {
        failure = outcome.reason;
        released.push(entry);
      } else {
        logger.error({ err: outcome.reason, id: entry.id }, "a call in the outbox cannot be sent");
        refused.push(entry);
      }
    }
    if (sent.length > 0) await this.#store.settle(sent, "sent");
    if (refused.length > 0) await this.#store.settle(refused, "refused");
    if (released.length > 0) {
      await this.#store.settle(released, "released");
      throw failure;
    }
    return entries.length;
  }
}
