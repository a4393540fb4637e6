import { isRecord } from "../../core/is-record.ts";
import { Notifier } from "../../core/notifier.ts";
import type { ControlChannel, ControlRequest } from "./control-channel.ts";

/** Celery's: three hours, and fifty thousand of them. */
const EXPIRE_MS = 10_800_000;
export const MAX_REVOKED = 50_000;

/** Whether a task that runs is to be ended too. */
interface Revocation {
  readonly terminates: boolean;
  readonly until: number;
}

/** Where revoked ids are written down, for workers that start later. */
export interface RevokedStore {
  /** Those that are remembered until after `now`. */
  load(now: number): Promise<readonly string[]>;
  /** Remembers an id until a time, and forgets what was remembered until `now`. */
  keep(id: string, now: number, until: number): Promise<void>;
  /** Calls the listener when what was said may have been missed; returns what ends it. */
  onGap(listener: () => void): () => void;
}

/** How to make {@link RevokedTasks}. */
export interface RevokedTasksOptions {
  /** The time in milliseconds. */
  readonly now: () => number;
  readonly store?: RevokedStore | undefined;
}

/**
 * The tasks that somebody has revoked, here or in Python.
 *
 * Celery tells those who listen, and a worker that starts later asks those who do (`hello`). Where there
 * is a store, ours also write the ids down, and read them when they start and after a gap. Bound: three
 * hours, and 50,000 ids, of which the oldest are forgotten.
 */
export class RevokedTasks {
  readonly #control: ControlChannel;
  readonly #now: () => number;
  readonly #store: RevokedStore | undefined;
  readonly #revoked = new Map<string, Revocation>();
  readonly #changes = new Notifier<void>();
  readonly #closers: (() => void)[] = [];
  #started: Promise<void> | undefined;
  #isClosed = false;

  constructor(control: ControlChannel, { now, store }: RevokedTasksOptions) {
    this.#control = control;
    this.#now = now;
    this.#store = store;
    if (store) this.#closers.push(store.onGap(() => void this.#reload()));
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

  /** The ids that are remembered. */
  get ids(): readonly string[] {
    const now = this.#now();
    return [...this.#revoked].filter(([, { until }]) => until > now).map(([id]) => id);
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
    await this.#keep(id);
    await this.#control.send({
      method: "revoke",
      arguments: { task_id: id, terminate: true, signal: "SIGTERM" },
      destination: null,
      pattern: null,
      matcher: null,
      expiresAt: null,
      replyTo: null,
    });
    this.#add(id, true);
  }

  close(): void {
    this.#isClosed = true;
    for (const close of this.#closers.splice(0)) close();
  }

  async #start(): Promise<void> {
    const leave = await this.#control.listen((request) => this.#hear(request));
    try {
      await this.#load();
    } catch (error) {
      leave();
      throw error;
    }
    if (this.#isClosed) leave();
    else this.#closers.push(leave);
  }

  #hear({ method, arguments: args }: ControlRequest): void {
    if (method === "hello") this.#addAll(toIds(args["revoked"]), false);
    if (method !== "revoke" && method !== "terminate") return;
    const terminates = method === "terminate" || args["terminate"] === true;
    this.#addAll(toIds(args["task_id"]), terminates);
  }

  #addAll(ids: readonly string[], terminates: boolean): void {
    for (const id of ids.slice(0, MAX_REVOKED)) {
      if (this.terminates(id) || (this.has(id) && !terminates)) continue;
      this.#add(id, terminates);
      this.#keep(id).catch(() => undefined);
    }
  }

  async #load(): Promise<void> {
    const ids = (await this.#store?.load(this.#now())) ?? [];
    // It is not written down whether a task is to be ended: what was heard of it stands.
    for (const id of ids) if (!this.has(id)) this.#add(id, true);
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

  async #keep(id: string): Promise<void> {
    const now = this.#now();
    await this.#store?.keep(id, now, now + EXPIRE_MS);
  }
}

/** One id, several, or an object whose keys they are: as Celery's commands name tasks. */
function toIds(value: unknown): readonly string[] {
  const ids: readonly unknown[] = isRecord(value) ? Object.keys(value) : [value].flat();
  return ids.filter((id): id is string => typeof id === "string" && id !== "");
}
