import { LoadGenerator } from "./load-generator.ts";
import { Peer, type PeerName } from "./peer.ts";

/** What measuring one thing begins with: fresh processes, which end with it. */
export class Setting implements AsyncDisposable {
  readonly load = new LoadGenerator();
  readonly isQuick: boolean;
  readonly #stack = new AsyncDisposableStack();

  constructor({ isQuick }: { readonly isQuick: boolean }) {
    this.isQuick = isQuick;
    this.#stack.use(this.load);
  }

  /** How many rounds to run; quick ones are for trying something out. */
  rounds(count: number): number {
    return this.isQuick ? 3 : count;
  }

  async start(name: PeerName, redisUrl?: string): Promise<Peer> {
    return this.#stack.use(await Peer.start(name, redisUrl));
  }

  /** Ends something with the rest. */
  use<TResource extends AsyncDisposable>(resource: TResource): TResource {
    return this.#stack.use(resource);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
