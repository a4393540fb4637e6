import type { ChannelLayer, LayerMessage } from "../layers/index.ts";

/**
 * A channel of one's own for a while: what is sent to it, or to the groups it joins, waits in it.
 *
 * Bound: the capacity of the layer's channels; what exceeds it is dropped. Dispose of it to leave its
 * groups.
 */
export class ChannelInbox implements AsyncDisposable {
  readonly name: string;
  readonly #layer: ChannelLayer;
  readonly #groups = new Set<string>();

  private constructor(name: string, layer: ChannelLayer) {
    this.name = name;
    this.#layer = layer;
  }

  static async open(layer: ChannelLayer): Promise<ChannelInbox> {
    return new ChannelInbox(await layer.newChannel("http"), layer);
  }

  async groupAdd(group: string): Promise<void> {
    this.#groups.add(group);
    await this.#layer.groupAdd(group, this.name);
  }

  async groupDiscard(group: string): Promise<void> {
    this.#groups.delete(group);
    await this.#layer.groupDiscard(group, this.name);
  }

  /** Waits for the next message; a signal ends the waiting without losing one. */
  async receive(signal?: AbortSignal): Promise<LayerMessage> {
    return await this.#layer.receive(this.name, { signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#groups].map((group) => this.groupDiscard(group)));
  }
}
