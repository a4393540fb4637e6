import type { PoolCall, PoolChild, PoolKind, TaskPool } from "./pool.ts";
import { Seat, type SeatOptions } from "./seat.ts";

/** How to make a {@link ChildPool}. */
export interface ChildPoolOptions extends Omit<SeatOptions, "onChange"> {
  readonly kind: Exclude<PoolKind, "async">;
  /** How many threads or processes. */
  readonly size: number;
}

/** A call for which no child is free: the one that was has died. */
interface WaitingCall {
  readonly call: PoolCall;
  readonly outcome: PromiseWithResolvers<unknown>;
}

/**
 * Tasks in threads or processes of their own, each of which runs one at a time.
 *
 * One that blocks, crashes or takes too long harms no other. Each loads the module that defines the
 * tasks; arguments, results and what a task says cross as messages.
 */
export class ChildPool implements TaskPool {
  readonly kind: PoolKind;
  readonly #options: SeatOptions;
  readonly #seats = new Set<Seat>();
  /** Those who wait for a seat: as many as tasks run in the worker, at most. */
  readonly #waiting: WaitingCall[] = [];
  #onChange: () => void = () => {};
  #size: number;
  #isStopped = false;

  constructor({ kind, size, ...options }: ChildPoolOptions) {
    this.kind = kind;
    this.#size = size;
    this.#options = { ...options, onChange: (seat) => this.#onSeat(seat) };
  }

  get size(): number {
    return this.#size;
  }

  get capacity(): number {
    let ready = 0;
    for (const seat of this.#seats) if (seat.isReady) ready++;
    return Math.min(ready, this.#size);
  }

  get children(): readonly PoolChild[] {
    return [...this.#seats].flatMap(({ child }) => child ?? []);
  }

  /** Starts all children; when one cannot start, none is left. */
  async start(onChange: () => void): Promise<void> {
    this.#onChange = onChange;
    try {
      await Promise.all(this.#addSeats().map((seat) => seat.start()));
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async run(call: PoolCall): Promise<unknown> {
    const idle = [...this.#seats].find(({ isIdle }) => isIdle);
    if (idle) return await idle.run(call);
    const outcome = Promise.withResolvers<unknown>();
    this.#waiting.push({ call, outcome });
    // Nobody looks at what becomes of it then, but whoever holds something for its time waits for its end.
    void call.interruption.overdue.then(() => outcome.resolve(undefined));
    return await outcome.promise;
  }

  /** After its end it does nothing. */
  resize(size: number): void {
    if (this.#isStopped) return;
    this.#size = size;
    for (const seat of this.#addSeats()) void this.#startLater(seat);
    for (const seat of this.#seats) this.#dropIfTooMany(seat);
    this.#onChange();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#seats].map((seat) => seat.stop()));
  }

  #addSeats(): readonly Seat[] {
    const count = Math.max(0, this.#size - this.#seats.size);
    const added = Array.from({ length: count }, () => new Seat(this.#options));
    for (const seat of added) this.#seats.add(seat);
    return added;
  }

  /** One more child that cannot start is one less, as it was before. */
  async #startLater(seat: Seat): Promise<void> {
    try {
      await seat.start();
    } catch (error) {
      this.#seats.delete(seat);
      this.#options.logger.error({ err: error }, "a pool could not grow");
    }
  }

  #onSeat(seat: Seat): void {
    while (seat.isIdle) {
      const next = this.#waiting.shift();
      if (!next) break;
      if (!next.call.interruption.isOverdue) next.outcome.resolve(seat.run(next.call));
    }
    this.#dropIfTooMany(seat);
    this.#onChange();
  }

  #dropIfTooMany(seat: Seat): void {
    if (this.#seats.size <= this.#size || !seat.isIdle) return;
    this.#seats.delete(seat);
    void seat.stop();
  }
}
