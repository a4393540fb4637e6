import { invalidOption } from "../../core/options.ts";
import type { TaskRuntime } from "../task-runtime.ts";
import { assertName } from "../task.ts";

/** A worker takes from no more queues than this. */
const MAX_QUEUES = 1_000;

/** The queues that a worker takes from, which may change while it works. */
export class ConsumedQueues {
  readonly #runtime: Pick<TaskRuntime, "broker" | "definitions" | "defaultQueue">;
  readonly #given: readonly string[] | undefined;
  readonly #added = new Set<string>();
  readonly #removed = new Set<string>();

  /** Without `given`: the default queue and those of the registered tasks. */
  constructor(
    runtime: Pick<TaskRuntime, "broker" | "definitions" | "defaultQueue">,
    given: readonly string[] | undefined,
  ) {
    if (given?.length === 0) throw invalidOption("queues", "at least one name", given);
    for (const queue of given ?? []) assertName("a queue of a worker", queue);
    this.#runtime = runtime;
    this.#given = given;
  }

  /** Those of now. */
  get names(): readonly string[] {
    const base = this.#given ?? this.#named();
    if (this.#added.size === 0 && this.#removed.size === 0) return base;
    return [...new Set([...base, ...this.#added])].filter((name) => !this.#removed.has(name));
  }

  /**
   * Takes from one more.
   *
   * @throws {TidingsError} OPTION_INVALID beyond 1,000 of them.
   */
  add(queue: string): void {
    assertName("a queue of a worker", queue);
    const { names } = this;
    if (names.length >= MAX_QUEUES && !names.includes(queue)) {
      throw invalidOption("queues", `at most ${MAX_QUEUES} names`, names.length + 1);
    }
    this.#removed.delete(queue);
    this.#added.add(queue);
  }

  /** Takes from one of them no more. */
  remove(queue: string): void {
    this.#added.delete(queue);
    // What it never took from needs no note.
    if (this.names.includes(queue)) this.#removed.add(queue);
  }

  /** How many messages wait in them. */
  async countWaiting(): Promise<number> {
    const { contents } = this.#runtime.broker;
    const counts = await Promise.all(this.names.map((queue) => contents.count(queue)));
    return counts.reduce((sum, { waiting }) => sum + waiting, 0);
  }

  #named(): readonly string[] {
    const { definitions, defaultQueue } = this.#runtime;
    const named = [...definitions.values()].map(({ options }) => options.queue ?? defaultQueue);
    return [...new Set([defaultQueue, ...named])];
  }
}
