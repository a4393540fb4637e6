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
import type { FrameKind } from "./shared-memory/frame.ts";
import { decodeMessage, encodeMessage, type SharedMemoryPort } from "./shared-memory/port.ts";
import { processOf } from "./shared-memory/process-name.ts";
import type { Answer, Outcome } from "./shared-memory/requests.ts";

/** Options of the {@link SharedMemoryLayer}. */
export interface SharedMemoryLayerOptions extends LayerOptions {
  /** What the layer is called; processes share those of one name. @default "default" */
  readonly name?: string | undefined;
  /** The time in milliseconds, for tests. @default one that nobody sets */
  readonly now?: (() => number) | undefined;
}

/**
 * A channel layer in the memory of several processes on one machine.
 *
 * Delivery: at most once. Members in this process have a group's message at once, those of other
 * processes a moment later; each of them hears it once and decodes it once. A channel of `newChannel`
 * is in the process that made it. Any other is in the hub, and all processes may receive from it; of
 * those that listen to it, the one that came first hears it until it ends.
 *
 * Survives: the end of a process, but for its own channels. Reaches: the processes at one
 * `SharedMemoryHub`. Bound: `capacity` messages per channel, and what may wait between two
 * processes: a process that does not keep up misses messages, which is told to their senders as
 * `dropped` and to itself as a `gap`. A sender that waits for `groupSend` is slowed down instead.
 */
export class SharedMemoryLayer implements ChannelLayer {
  readonly #port: SharedMemoryPort;
  readonly #layer: number;
  readonly #opened: Promise<void>;
  readonly #incidents = new IncidentLog();
  readonly #local: LocalChannels;
  /** Who listens here to channels that are in the hub. */
  readonly #listeners = new Map<string, ChannelListener>();
  /** What fails when the layer is closed. */
  readonly #waiting = new Set<(error: Error) => void>();

  constructor(
    port: SharedMemoryPort,
    { name = "default", now, ...bounds }: SharedMemoryLayerOptions = {},
  ) {
    this.#local = new LocalChannels({ ...bounds, now, incidents: this.#incidents });
    this.#port = port;
    const { expiryMs, groupExpiryMs, capacity, channelCapacity } = bounds;
    const { layer, opened } = port.open(
      name,
      { expiryMs, groupExpiryMs, capacity, channelCapacity },
      {
        onGroupMessage: (group, payload) => this.#onGroupMessage(group, payload),
        onMessage: (channel, payload) => this.#onMessage(channel, payload),
        onJoin: (group, channel) => this.#local.join(group, channel),
        onLeave: (group, channel) => this.#local.leave(group, channel),
        onFlush: () => this.#local.flush(),
        onTold: (incident) => this.#onTold(incident),
      },
    );
    this.#layer = layer;
    this.#opened = opened;
  }

  get incidents(): LayerIncidents {
    return this.#incidents.counts;
  }

  onIncident(listener: (incident: LayerIncident) => void): () => void {
    return this.#incidents.listen(listener);
  }

  async newChannel(prefix = "specific"): Promise<string> {
    this.#local.assertOpen();
    const id = randomId();
    const channel = assertChannelName(`${prefix}.${this.#port.process}!${id}`);
    await this.#opened;
    return channel;
  }

  async send(channel: string, message: OutgoingMessage): Promise<void> {
    this.#local.assertOpen();
    assertChannelName(channel);
    const isolated = isolateMessage(message);
    if (this.#isOwn(channel)) {
      if (this.#local.deliver(channel, isolated)) return;
      throw fullError(channel);
    }
    const outcome = await this.#ask("send", channel, encodeMessage(isolated.message));
    if (outcome === "full") throw fullError(channel);
    if (outcome === "busy") throw fullError(channel, "the process that reads it does not keep up");
  }

  async receive(channel: string, { signal }: ReceiveOptions = {}): Promise<LayerMessage> {
    this.#local.assertOpen();
    assertChannelName(channel);
    if (this.#isOwn(channel)) return await this.#local.receive(channel, { signal });
    signal?.throwIfAborted();
    const { id, answer } = this.#port.request({
      kind: "receive",
      layer: this.#layer,
      name: channel,
    });
    // A message may be on its way here: whether there is one is the hub's to say.
    const cancel = (): void => this.#port.tell({ kind: "cancel", layer: this.#layer, id });
    signal?.addEventListener("abort", cancel, { once: true });
    try {
      const { outcome, payload } = await this.#unlessClosed(answer);
      if (outcome === "ok") return decodeMessage(payload).message;
      signal?.throwIfAborted();
      throw fullError(channel, "too many wait for messages, or the outbox of this process is full");
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }

  listen(channel: string, listener: ChannelListener): () => void {
    this.#local.assertOpen();
    assertChannelName(channel);
    if (this.#isOwn(channel)) return this.#local.listen(channel, listener);
    if (this.#listeners.has(channel)) {
      throw new TidingsError("OPTION_INVALID", `channel \`${channel}\` has a listener`);
    }
    this.#listeners.set(channel, listener);
    this.#port.tell({ kind: "listen", layer: this.#layer, name: channel });
    return () => {
      if (this.#listeners.get(channel) !== listener) return;
      this.#listeners.delete(channel);
      this.#port.tell({ kind: "unlisten", layer: this.#layer, name: channel });
    };
  }

  async groupAdd(group: string, channel: string): Promise<void> {
    this.#local.assertOpen();
    assertGroupName(group);
    assertChannelName(channel);
    if (!this.#isOwn(channel)) return await this.#request("join", group, toBytes(channel));
    this.#local.join(group, channel);
    await this.#opened;
  }

  async groupDiscard(group: string, channel: string): Promise<void> {
    this.#local.assertOpen();
    assertGroupName(group);
    assertChannelName(channel);
    if (!this.#isOwn(channel)) return await this.#request("leave", group, toBytes(channel));
    this.#local.leave(group, channel);
  }

  async groupSend(group: string, message: OutgoingMessage): Promise<void> {
    this.#local.assertOpen();
    assertGroupName(group);
    const isolated = isolateMessage(message);
    this.#local.deliverGroup(group, isolated);
    const payload = encodeMessage(isolated.message);
    if (!this.#port.post({ kind: "group", layer: this.#layer, name: group, payload })) {
      this.#incidents.report({ kind: "dropped", reason: "full", name: group, count: 1 });
    }
    await this.#port.ready();
  }

  /** Drops every message and membership, in every process. */
  async flush(): Promise<void> {
    this.#local.assertOpen();
    this.#local.flush();
    await this.#request("flush");
  }

  async check(): Promise<void> {
    this.#local.assertOpen();
    await this.#request("ping");
    await this.#opened; // settled by now: answers come in order
  }

  async close(): Promise<void> {
    this.#local.close();
    this.#listeners.clear();
    for (const reject of this.#waiting) reject(closedError());
    this.#port.close(this.#layer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #isOwn(channel: string): boolean {
    return processOf(channel) === this.#port.process;
  }

  async #request(kind: FrameKind, name?: string, payload?: Uint8Array): Promise<void> {
    if ((await this.#ask(kind, name, payload)) !== "busy") return;
    throw new TidingsError("LAYER_UNAVAILABLE", "the processes that share the layer do not answer");
  }

  async #ask(kind: FrameKind, name?: string, payload?: Uint8Array): Promise<Outcome> {
    const { answer } = this.#port.request({ kind, layer: this.#layer, name, payload });
    return (await this.#unlessClosed(answer)).outcome;
  }

  async #unlessClosed(answer: Promise<Answer>): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#waiting.add(reject);
    answer.then(resolve, reject);
    try {
      return await promise;
    } finally {
      this.#waiting.delete(reject);
    }
  }

  #onGroupMessage(group: string, payload: Uint8Array): void {
    if (this.#local.hasGroup(group)) this.#local.deliverGroup(group, decodeMessage(payload));
  }

  #onMessage(channel: string, payload: Uint8Array): Outcome {
    if (this.#isOwn(channel)) {
      return this.#local.deliver(channel, decodeMessage(payload)) ? "ok" : "full";
    }
    const listener = this.#listeners.get(channel);
    if (!listener) return "gone";
    if (listener(decodeMessage(payload).message)) return "ok";
    this.#incidents.report({ kind: "dropped", reason: "full", name: channel, count: 1 });
    return "full";
  }

  #onTold(incident: unknown): void {
    if (isIncident(incident)) this.#incidents.report(incident);
  }
}

function toBytes(name: string): Uint8Array {
  return Buffer.from(name, "latin1");
}

function isIncident(value: unknown): value is LayerIncident {
  return typeof value === "object" && value !== null && "kind" in value;
}

function fullError(name: string, reason?: string): TidingsError {
  const what = `channel \`${name}\` is full`;
  return new TidingsError("LAYER_CHANNEL_FULL", reason === undefined ? what : `${what}: ${reason}`);
}

function closedError(): TidingsError {
  return new TidingsError("LAYER_CLOSED", "the channel layer is closed");
}
