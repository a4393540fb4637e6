import { TidingsError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { ChannelLayer } from "../layers/index.ts";
import { FeedSource } from "./feed-source.ts";
import type { FeedDefinition } from "./feed.ts";
import type { Params } from "./path.ts";

/** What the feeds of a process run on. */
export interface FeedSourcesOptions {
  readonly layer: ChannelLayer;
  readonly logger: Logger;
  readonly lingerMs?: number | undefined;
}

/** Parameters come from the URL, so that anybody can make up new ones; this many run at a time. */
const MAX_SOURCES = 10_000;

/**
 * The feeds that run in this process: one source for each feed and set of parameters in use.
 *
 * Bound: 10,000 sources; beyond them `get` throws FEED_FAILED until some have stopped.
 */
export class FeedSources {
  readonly #options: FeedSourcesOptions;
  readonly #sources = new Map<FeedDefinition, Map<string, FeedSource>>();
  #count = 0;

  constructor(options: FeedSourcesOptions) {
    this.#options = options;
  }

  /** Returns the running source of a feed, starting it if there is none. */
  get(definition: FeedDefinition, params: Params): FeedSource {
    let sources = this.#sources.get(definition);
    if (!sources) this.#sources.set(definition, (sources = new Map()));
    const key = JSON.stringify(params);
    const running = sources.get(key);
    if (running) return running;
    if (this.#count >= MAX_SOURCES) {
      throw new TidingsError("FEED_FAILED", `${MAX_SOURCES} feeds are followed already`);
    }
    this.#count += 1;
    const source = new FeedSource({
      ...this.#options,
      definition,
      params,
      onStop: () => {
        if (sources.get(key) === source) sources.delete(key);
        this.#count -= 1;
      },
    });
    sources.set(key, source);
    return source;
  }

  /** Stops every source; followers are told that their feed has broken off. */
  stop(): void {
    for (const sources of this.#sources.values()) {
      for (const source of sources.values()) source.stop();
    }
  }
}
