import { TidingsError } from "../core/errors.ts";
import { IncidentLog } from "./incident-log.ts";
import type {
  ChannelLayer,
  ChannelListener,
  LayerIncident,
  LayerIncidents,
  LayerMessage,
  LayerOptions,
  OutgoingMessage,
  ReceiveOptions,
} from "./layer.ts";
import { LocalChannels } from "./local-channels.ts";
import { isolateMessage } from "./message.ts";
import { assertChannelName, assertGroupName } from "./names.ts";
import { randomId } from "./random-id.ts";

/** Options of the {@link MemoryLayer}. */
export interface MemoryLayerOptions extends LayerOptions {
  /** The time in milliseconds, for tests. @default one that nobody sets */
  readonly now?: (() => number) | undefined;
}

/**
 * A channel layer in this process's memory.
 *
 * Delivery: at most once, at once: `groupSend` has called every listener when it returns its promise.
 * Survives: nothing. Reaches: this process. Bound: `capacity` messages per channel; what nobody reads
 * is swept out when the layer is used, at the latest two expiries later.
 */
export class MemoryLayer implements ChannelLayer {
  readonly #incidents = new IncidentLog();
  readonly #local: LocalChannels;

  constructor(options: MemoryLayerOptions = {}) {
    this.#local = new LocalChannels({ ...options, incidents: this.#incidents });
  }

  get incidents(): LayerIncidents {
    return this.#incidents.counts;
  }

  onIncident(listener: (incident: LayerIncident) => void): () => void {
    return this.#incidents.listen(listener);
  }

  async newChannel(prefix = "specific"): Promise<string> {
    this.#local.assertOpen();
    return assertChannelName(`${prefix}.memory!${randomId()}`);
  }

  async send(channel: string, message: OutgoingMessage): Promise<void> {
    this.#local.assertOpen();
    assertChannelName(channel);
    if (this.#local.deliver(channel, isolateMessage(message))) return;
    throw new TidingsError("LAYER_CHANNEL_FULL", `channel \`${channel}\` is full`);
  }

  async receive(channel: string, options?: ReceiveOptions): Promise<LayerMessage> {
    this.#local.assertOpen();
    assertChannelName(channel);
    return await this.#local.receive(channel, options);
  }

  listen(channel: string, listener: ChannelListener): () => void {
    this.#local.assertOpen();
    assertChannelName(channel);
    return this.#local.listen(channel, listener);
  }

  async groupAdd(group: string, channel: string): Promise<void> {
    this.#local.assertOpen();
    assertGroupName(group);
    assertChannelName(channel);
    this.#local.join(group, channel);
  }

  async groupDiscard(group: string, channel: string): Promise<void> {
    this.#local.assertOpen();
    assertGroupName(group);
    assertChannelName(channel);
    this.#local.leave(group, channel);
  }

  async groupSend(group: string, message: OutgoingMessage): Promise<void> {
    this.#local.assertOpen();
    assertGroupName(group);
    this.#local.deliverGroup(group, isolateMessage(message));
  }

  async flush(): Promise<void> {
    this.#local.assertOpen();
    this.#local.flush();
  }

  async check(): Promise<void> {
    this.#local.assertOpen();
  }

  async close(): Promise<void> {
    this.#local.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
