import { RedisServer } from "../../test/redis/redis-server.ts";
import { Child } from "./child.ts";
import type { PeerName } from "./message.ts";

/** What measuring one thing begins with: a Redis and processes of its own, which end with it. */
export class Setting implements AsyncDisposable {
  readonly isQuick: boolean;
  readonly #stack = new AsyncDisposableStack();

  constructor({ isQuick }: { readonly isQuick: boolean }) {
    this.isQuick = isQuick;
  }

  async startRedis(): Promise<string> {
    return this.#stack.use(await RedisServer.start()).url;
  }

  async startServer(peer: PeerName, redisUrl: string): Promise<Child<"server">> {
    return this.#stack.use(await Child.start("server", peer, redisUrl));
  }

  async startPublisher(peer: PeerName, redisUrl: string): Promise<Child<"publisher">> {
    return this.#stack.use(await Child.start("publisher", peer, redisUrl));
  }

  async startClients(): Promise<Child<"clients">> {
    return this.#stack.use(await Child.start("clients"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}
