import { setTimeout as delay } from "node:timers/promises";

import {
  connect,
  connectFeeds,
  follow,
  TRANSPORTS,
  type FollowOptions,
  type TransportName,
} from "tidings/client";

import type { numbers } from "./numbers.ts";

/** Somebody who hears numbers, and why it may have missed some. */
export interface Listener {
  readonly name: string;
  readonly received: number[];
  readonly resets: string[];
  /** 0 as soon as it listens. */
  last: number | undefined;
}

const HAS_LIMIT_MS = 40_000;

/** Those who follow, and those who connect, over each transport at each server; two follow over one connection. */
export class Crowd implements AsyncDisposable {
  readonly listeners: Listener[] = [];
  readonly #left = new AbortController();
  readonly #ends: Promise<void>[] = [];

  constructor(urls: readonly string[]) {
    for (const url of urls) {
      for (const transport of TRANSPORTS) {
        this.#follow(this.#add("follow", transport, url), url, { transport, pollMs: 100 });
        this.#connect(url, transport);
      }
      for (const transport of ["websocket", "long-poll"] as const) {
        const over = connectFeeds(`${url}/feeds`, { transport });
        this.#follow(this.#add("follow together", transport, url), url, { over });
        this.#follow(this.#add("follow together, too", transport, url), url, { over });
      }
    }
  }

  /** Waits until everybody has a number. */
  async has(number: number, after = "they came"): Promise<void> {
    const begunAt = performance.now();
    const lacking = (): readonly Listener[] =>
      this.listeners.filter(({ last = -1 }) => last < number);
    while (lacking().length > 0) {
      if (performance.now() - begunAt > HAS_LIMIT_MS) {
        const names = lacking().map(({ name, last }) => `${name} has ${last}`);
        throw new Error(`after ${after}, ${number} is missing: ${names.join(", ")}`);
      }
      await delay(10);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#left.abort();
    await Promise.allSettled(this.#ends);
  }

  #add(what: string, transport: TransportName, url: string): Listener {
    const name = `${what} over ${transport} at ${url}`;
    const listener: Listener = { name, received: [], resets: [], last: undefined };
    this.listeners.push(listener);
    return listener;
  }

  #follow(listener: Listener, url: string, how: FollowOptions): void {
    const { signal } = this.#left;
    const run = async (): Promise<void> => {
      const options = { ...how, signal };
      for await (const { data, reset } of follow<typeof numbers>(`${url}/numbers`, options)) {
        if (reset) listener.resets.push(reset.reason);
        if (data > 0) listener.received.push(data);
        listener.last = data;
      }
    };
    this.#ends.push(run());
  }

  #connect(url: string, transport: TransportName): void {
    const listener = this.#add("connect", transport, url);
    const room = connect(`${url}/counting`, {
      transport,
      signal: this.#left.signal,
      pollMs: 100,
      onReset: (reason, isRecovered) =>
        listener.resets.push(isRecovered ? `${reason}, recovered` : reason),
      onStatus({ status }) {
        if (status === "open") listener.last ??= 0;
      },
    });
    room.on("number", ({ n }) => {
      listener.received.push(Number(n));
      listener.last = Number(n);
    });
  }
}
