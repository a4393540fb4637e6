import { TidingsError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import type { RecordedGroups } from "../history/index.ts";
import type { ChannelLayer } from "../layers/index.ts";
import { FeedSource } from "./feed-source.ts";
import type { FeedDefinition } from "./feed.ts";
import type { Params } from "./path.ts";

/** What the feeds of a process run on. */
export interface FeedSourcesOptions {
  /** The layer that a definition names. */
  readonly getLayer: (name: string) => ChannelLayer;
  /** The groups of a layer with their history; feeds that go on from it need it. */
  readonly getRecordedGroups?: ((layer: string) => RecordedGroups) | undefined;
  readonly logger: Logger;
  readonly lingerMs?: number | undefined;
}

/** Parameters come from the URL, so that anybody can make up new ones; this many run for a feed. */
const MAX_SOURCES = 10_000;

/**
 * The feeds that run in this process: one source for each feed and set of parameters in use.
 *
 * Bound: 10,000 sources for each feed. Beyond them the oldest that nobody follows is stopped; when
 * all are followed, `get` throws FEED_OVERLOADED.
 */
export class FeedSources {
  readonly #options: FeedSourcesOptions;
  readonly #sources = new Map<FeedDefinition, Map<string, FeedSource>>();
  #isStopped = false;

  constructor(options: FeedSourcesOptions) {
    this.#options = options;
  }

  /**
   * Returns the running source of a feed, starting it if there is none.
   *
   * @throws {TidingsError} FEED_OVERLOADED at the bound, FEED_FAILED after `stop`.
   */
  get(definition: FeedDefinition, params: Params): FeedSource {
    let sources = this.#sources.get(definition);
    if (!sources) this.#sources.set(definition, (sources = new Map()));
    const key = JSON.stringify(params);
    const running = sources.get(key);
    if (running) return running;
    if (this.#isStopped) throw new TidingsError("FEED_FAILED", "the server is stopping");
    if (sources.size >= MAX_SOURCES) this.#makeRoom(definition, sources);
    const { getLayer, getRecordedGroups, ...options } = this.#options;
    const source = new FeedSource({
      ...options,
      layer: getLayer(definition.layer),
      recorded: definition.history ? getRecordedGroups?.(definition.layer) : undefined,
      definition,
      params,
      onStop: () => {
        if (sources.get(key) === source) sources.delete(key);
      },
    });
    sources.set(key, source);
    return source;
  }

  #makeRoom(definition: FeedDefinition, sources: ReadonlyMap<string, FeedSource>): void {
    const idle = sources.values().find(({ isAlone }) => isAlone);
    if (idle) return idle.stop();
    const { path } = definition.path;
    this.#options.logger.warn({ feed: path, sources: sources.size }, "feed refused: too many run");
    throw new TidingsError("FEED_OVERLOADED", `${MAX_SOURCES} of feed \`${path}\` are followed`);
  }

  /** Stops every source, and starts none any more; followers are told that their feed has broken off. */
  stop(): void {
    this.#isStopped = true;
    for (const sources of this.#sources.values()) {
      for (const source of sources.values()) source.stop();
    }
  }
}
