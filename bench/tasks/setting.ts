import { Arena, type BrokerName } from "./arena.ts";
import type { ContenderName } from "./contender.ts";

/** What measuring one thing begins with: fresh processes, which end with it. */
export class Setting implements AsyncDisposable {
  readonly isQuick: boolean;
  readonly rounds: number;
  readonly #stack = new AsyncDisposableStack();

  constructor({ isQuick }: { readonly isQuick: boolean }) {
    this.isQuick = isQuick;
    this.rounds = isQuick ? 3 : 7;
  }

  /** One arena for each, in their order. */
  async open(
    names: readonly ContenderName[],
    broker: BrokerName = "redis",
  ): Promise<readonly Arena[]> {
    return await Promise.all(names.map(async (name) => this.use(await Arena.open(name, broker))));
  }

  /** Ends something with the rest. */
  use<TResource extends AsyncDisposable>(resource: TResource): TResource {
    return this.#stack.use(resource);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
