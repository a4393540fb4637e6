import { randomUUID } from "node:crypto";

import { isRecord } from "../message/is-record.ts";
import { Notifier } from "../notifier.ts";
import { readEnvelope } from "./envelope.ts";
import { toList, type TaskRedis } from "./task-redis.ts";

/** Celery's: three hours, and fifty thousand of them. */
const EXPIRE_MS = 10_800_000;
const MAX_REVOKED = 50_000;

/** Whether a task that runs is to be ended too. */
interface Revocation {
  readonly terminates: boolean;
  readonly until: number;
}

/**
 * The tasks that somebody has revoked, here or in Python.
 *
 * Celery tells those who listen, and a worker that starts later never hears of it. Ours also write the
 * ids down (`_tidings.revoked`), and read them when they start and after a gap. Bound: three hours, and
 * 50,000 ids, of which the oldest are forgotten.
 */
export class RevokedTasks {
  readonly #redis: TaskRedis;
  readonly #revoked = new Map<string, Revocation>();
  readonly #changes = new Notifier<void>();
  readonly #now: () => number;
  readonly #leave: () => void;
  #started: Promise<void> | undefined;

  /** Hears what Celery's control tells all workers; all but `revoke` is for others. */
  readonly #hear = (text: string): void => {
    const { method, arguments: args } = parseRequest(text);
    if (method !== "revoke" && method !== "terminate") return;
    const ids = Array.isArray(args["task_id"]) ? args["task_id"] : [args["task_id"]];
    const terminates = method === "terminate" || args["terminate"] === true;
    for (const id of ids) {
      if (typeof id !== "string" || this.terminates(id)) continue;
      this.#add(id, terminates);
      this.#write(id).catch(() => undefined);
    }
  };

  constructor(redis: TaskRedis, now: () => number) {
    this.#redis = redis;
    this.#now = now;
    this.#leave = redis.redis.onGap(() => void this.#reload());
  }

  /** Knows of all that was revoked up to now, and hears of what follows. */
  async start(): Promise<void> {
    const starting = (this.#started ??= this.#start());
    try {
      await starting;
    } catch (error) {
      if (this.#started === starting) this.#started = undefined;
      throw error;
    }
  }

  has(id: string): boolean {
    return this.#find(id) !== undefined;
  }

  terminates(id: string): boolean {
    return this.#find(id)?.terminates ?? false;
  }

  onChange(listener: () => void): () => void {
    return this.#changes.subscribe(listener);
  }

  /** Revokes a task, also where it runs, for our workers and for Python's. */
  async revoke(id: string): Promise<void> {
    const request = {
      method: "revoke",
      arguments: { task_id: id, terminate: true, signal: "SIGTERM" },
      destination: null,
      pattern: null,
      matcher: null,
    };
    const envelope = JSON.stringify({
      body: Buffer.from(JSON.stringify(request)).toString("base64"),
      "content-encoding": "utf-8",
      "content-type": "application/json",
      headers: { clock: 1, expires: 0 },
      properties: {
        delivery_mode: 2,
        delivery_info: { exchange: "celery.pidbox", routing_key: "" },
        priority: 0,
        body_encoding: "base64",
        delivery_tag: randomUUID(),
      },
    });
    await this.#write(id, ["PUBLISH", this.#channel, envelope]);
    this.#add(id, true);
  }

  close(): void {
    this.#leave();
    this.#redis.unhear(this.#channel, this.#hear);
  }

  get #channel(): string {
    return `/${this.#redis.database}.celery.pidbox`;
  }

  async #start(): Promise<void> {
    await this.#redis.hear(this.#channel, this.#hear);
    await this.#load();
  }

  async #load(): Promise<void> {
    const { revoked } = this.#redis.keys;
    const reply = await this.#redis.run((redis) =>
      redis.command(["ZRANGEBYSCORE", revoked, String(this.#now()), "+inf"]),
    );
    // It is not written down whether a task is to be ended: what was heard of it stands.
    for (const id of toList(reply).map(String)) if (!this.has(id)) this.#add(id, true);
  }

  async #reload(): Promise<void> {
    try {
      await this.#load();
    } catch {
      // The next gap, or the next start, reads them.
    }
  }

  #find(id: string): Revocation | undefined {
    const found = this.#revoked.get(id);
    if (!found || found.until > this.#now()) return found;
    this.#revoked.delete(id);
    return undefined;
  }

  #add(id: string, terminates: boolean): void {
    this.#revoked.delete(id);
    this.#revoked.set(id, { terminates, until: this.#now() + EXPIRE_MS });
    if (this.#revoked.size > MAX_REVOKED) {
      const [oldest] = this.#revoked.keys();
      if (oldest !== undefined) this.#revoked.delete(oldest);
    }
    this.#changes.announce();
  }

  async #write(id: string, ...more: readonly (readonly string[])[]): Promise<void> {
    const { revoked } = this.#redis.keys;
    const now = this.#now();
    await this.#redis.run((redis) =>
      redis.transaction([
        ["ZADD", revoked, String(now + EXPIRE_MS), id],
        ["ZREMRANGEBYSCORE", revoked, "-inf", String(now)],
        ["ZREMRANGEBYRANK", revoked, "0", String(-MAX_REVOKED - 1)],
        ...more,
      ]),
    );
  }
}

interface ControlRequest {
  readonly method: unknown;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** What cannot be read is not for us. */
function parseRequest(text: string): ControlRequest {
  try {
    const request: unknown = JSON.parse(
      Buffer.from(readEnvelope(text, "").message.body).toString(),
    );
    if (isRecord(request) && isRecord(request["arguments"])) {
      return { method: request["method"], arguments: request["arguments"] };
    }
  } catch {
    // Not JSON.
  }
  return { method: null, arguments: {} };
}
