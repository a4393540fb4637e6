import { silentLogger, type Logger } from "../core/logger.ts";
import { assertPositiveInteger, invalidOption } from "../core/options.ts";
import type { Service, ServiceState, StopOptions } from "../core/service.ts";
import type { ChannelLayer } from "../layers/index.ts";
import { BackgroundChannel, type BackgroundChannelStatus } from "./background-channel.ts";
import type { BackgroundConsumer } from "./background-consumer.ts";
import { LayerWatch } from "./layer-watch.ts";

/** Background consumers by the name of the channel that feeds them. */
export type BackgroundChannels = Readonly<Record<string, BackgroundConsumer>>;

/** How a {@link BackgroundWorker} works. */
export interface BackgroundWorkerOptions {
  readonly channels: BackgroundChannels;
  /** The channels that are read. @default all of them */
  readonly names?: readonly string[] | undefined;
  /** Returns the layer of a name that a consumer gives. */
  readonly getLayer: (name: string) => ChannelLayer;
  /** @default silent */
  readonly logger?: Logger | undefined;
  /** How long `stop` lets handlers go on when it is given no signal. @default 30_000 */
  readonly stopTimeoutMs?: number | undefined;
}

/** After their signal has fired, handlers get this long to end before they are left behind. */
const CUT_OFF_MS = 1_000;

/**
 * Runs background consumers.
 *
 * | state | what is true | what leaves it |
 * | --- | --- | --- |
 * | idle | nothing is read | `start` |
 * | running | every channel is read while it has a free slot | `stop` |
 * | stopping | nothing more is taken; what runs goes on | the last handler has ended |
 * | stopped | nothing runs, for good | |
 *
 * When the stop's signal fires, that of the handlers does; those that have not ended a second later
 * are left behind, and their messages are lost. Any number of workers, in any number of processes,
 * share the channels of one layer.
 *
 * @throws {TidingsError} OPTION_INVALID for a name that no channel has.
 */
export class BackgroundWorker implements Service {
  readonly #logger: Logger;
  readonly #stopTimeoutMs: number;
  readonly #intake = new AbortController();
  readonly #cutOff = new AbortController();
  readonly #channels: readonly BackgroundChannel[];
  readonly #watches: readonly LayerWatch[];
  #state: ServiceState = "idle";
  #running: Promise<unknown> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  constructor({
    channels,
    names = Object.keys(channels),
    getLayer,
    logger = silentLogger,
    stopTimeoutMs = 30_000,
  }: BackgroundWorkerOptions) {
    this.#logger = logger;
    this.#stopTimeoutMs = assertPositiveInteger("stopTimeoutMs", stopTimeoutMs);
    const consumers = new Map(Object.entries(channels));
    const layers = new Set<string>();
    this.#channels = [...new Set(names)].map((name) => {
      const consumer = consumers.get(name);
      if (!consumer) throw unknownName(name, [...consumers.keys()]);
      layers.add(consumer.layer);
      return new BackgroundChannel({
        name,
        consumer,
        layer: getLayer(consumer.layer),
        logger,
        intake: this.#intake.signal,
        signal: this.#cutOff.signal,
      });
    });
    this.#watches = [...layers].map(
      (name) => new LayerWatch({ name, layer: getLayer(name), logger }),
    );
  }

  get state(): ServiceState {
    return this.#state;
  }

  /** How each channel is doing. */
  get channels(): readonly BackgroundChannelStatus[] {
    return this.#channels.map(({ status }) => status);
  }

  /** Whether every channel can be read and every layer answers, as far as the last seconds tell. */
  get isHealthy(): boolean {
    return [...this.channels, ...this.#watches].every((each) => each.failingSince === undefined);
  }

  async start(): Promise<void> {
    if (this.#state !== "idle") return;
    this.#state = "running";
    for (const watch of this.#watches) watch.start();
    this.#running = Promise.all(this.#channels.map((channel) => channel.run()));
  }

  /** Takes no more messages, and lets those that were taken finish. */
  stop(options: StopOptions = {}): Promise<void> {
    if (this.#state === "idle") return Promise.resolve();
    this.#stopped ??= this.#stop(options);
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop({ signal = AbortSignal.timeout(this.#stopTimeoutMs) }: StopOptions): Promise<void> {
    this.#state = "stopping";
    this.#intake.abort();
    for (const watch of this.#watches) watch.stop();
    const { promise: givenUp, resolve: giveUp } = Promise.withResolvers<void>();
    let timer: NodeJS.Timeout | undefined;
    const cutOff = (): void => {
      this.#cutOff.abort(signal.reason);
      timer = setTimeout(giveUp, CUT_OFF_MS);
    };
    if (signal.aborted) cutOff();
    else signal.addEventListener("abort", cutOff, { once: true });
    await Promise.race([this.#running, givenUp]);
    signal.removeEventListener("abort", cutOff);
    clearTimeout(timer);
    for (const { name, running } of this.channels) {
      if (running > 0) this.#logger.error({ channel: name, running }, "messages were left behind");
    }
    this.#state = "stopped";
  }
}

function unknownName(name: string, known: readonly string[]): Error {
  const list = known.map((each) => `\`${each}\``).join(", ");
  return invalidOption("names", known.length > 0 ? `one of ${list}` : "left out", name);
}
