import { IncidentLog } from "../incident-log.ts";
import type { LayerMessage, LayerOptions } from "../layer.ts";
import { LocalChannels } from "../local-channels.ts";
import type { IsolatedMessage } from "../message.ts";
import type { Frame } from "./frame.ts";
import type { Dropped, Peer } from "./peer.ts";

/** What a {@link Space} needs. */
export interface SpaceOptions {
  readonly key: string;
  readonly layer: number;
  readonly bounds: LayerOptions;
}

/** A process that listens to a channel, or waits to. */
interface Listening {
  readonly peer: Peer;
  end: (() => void) | undefined;
}

/**
 * One layer, as the hub holds it: the channels that belong to no process, and who reads them.
 *
 * Messages stay the bytes that came. A channel has one listener at a time; those of other processes
 * come next.
 */
export class Space {
  readonly key: string;
  readonly layer: number;
  readonly peers: Set<Peer> = new Set();
  readonly #local: LocalChannels;
  readonly #receives = new Map<Peer, Map<number, AbortController>>();
  readonly #listenings = new Map<string, Listening[]>();
  /** Whose message is being handled: they are told what is dropped. */
  #source: Peer | undefined;

  constructor({ key, layer, bounds }: SpaceOptions) {
    this.key = key;
    this.layer = layer;
    const incidents = new IncidentLog();
    incidents.listen((incident) => {
      if (incident.kind === "dropped") this.#tell(incident);
    });
    this.#local = new LocalChannels({ ...bounds, incidents });
  }

  /** Handles a message of a process, and tells it what that made us drop. */
  onBehalfOf(peer: Peer | undefined, run: () => void): void {
    this.#source = peer;
    run();
    this.#source = undefined;
  }

  /** Gives a message to whoever reads the channel, or keeps it; `false` without room. */
  deliver(channel: string, payload: Uint8Array): boolean {
    return this.#local.deliver(channel, seal(payload));
  }

  deliverGroup(group: string, payload: Uint8Array): void {
    if (this.#local.hasGroup(group)) this.#local.deliverGroup(group, seal(payload));
  }

  join(group: string, channel: string): void {
    this.#local.join(group, channel);
  }

  leave(group: string, channel: string): void {
    this.#local.leave(group, channel);
  }

  flush(): void {
    this.#local.flush();
  }

  /** Answers with the next message of the channel, or that the request was given up. */
  receive(peer: Peer, frame: Frame): void {
    const cancel = new AbortController();
    const receives = this.#receives.get(peer) ?? new Map<number, AbortController>();
    this.#receives.set(peer, receives.set(frame.id, cancel));
    void this.#answer(peer, frame, cancel.signal).finally(() => receives.delete(frame.id));
  }

  cancel(peer: Peer, { id }: Frame): void {
    this.#receives.get(peer)?.get(id)?.abort();
  }

  /** The process that listens to a channel. */
  listenerOf(channel: string): Peer | undefined {
    return this.#listenings.get(channel)?.[0]?.peer;
  }

  /** Hands the channel's messages to a process, when those that listened before it have ended. */
  listen(peer: Peer, channel: string): void {
    const listenings = this.#listenings.get(channel) ?? [];
    this.#listenings.set(channel, listenings);
    listenings.push({ peer, end: undefined });
    this.#listenNext(channel);
  }

  unlisten(peer: Peer, channel: string): void {
    const listenings = this.#listenings.get(channel) ?? [];
    const index = listenings.findIndex((listening) => listening.peer === peer);
    if (index < 0) return;
    const [ended] = listenings.splice(index, 1);
    ended?.end?.();
    if (listenings.length === 0) this.#listenings.delete(channel);
    else this.#listenNext(channel);
  }

  /** A process has closed the layer, or has ended. */
  remove(peer: Peer): void {
    this.peers.delete(peer);
    for (const cancel of this.#receives.get(peer)?.values() ?? []) cancel.abort();
    this.#receives.delete(peer);
    for (const channel of this.#listenings.keys()) this.unlisten(peer, channel);
  }

  async #answer(peer: Peer, frame: Frame, signal: AbortSignal): Promise<void> {
    try {
      const message = await this.#local.receive(frame.name, { signal });
      peer.reply(frame, "ok", unseal(message));
    } catch {
      peer.reply(frame, "cancelled"); // nothing else ends it
    }
  }

  #listenNext(channel: string): void {
    const [first] = this.#listenings.get(channel) ?? [];
    if (!first || first.end) return;
    first.end = this.#local.listen(channel, (message) => {
      this.#forward(first.peer, channel, unseal(message));
      return true;
    });
  }

  /** Brings what a channel held, or a group's message, to the process that listens. */
  #forward(peer: Peer, channel: string, payload: Uint8Array): void {
    const source = this.#source;
    const content = { kind: "send", layer: this.layer, name: channel, payload } as const;
    peer.request(content, ({ outcome }) => {
      if (outcome === "ok" || outcome === "full") return;
      // Its listener ended while the message was under way: whoever reads next has it.
      if (outcome === "gone") {
        return this.onBehalfOf(source, () => void this.deliver(channel, payload));
      }
      const reason = outcome === "lost" ? "unheard" : "full";
      source?.tellDropped(this.layer, { kind: "dropped", reason, name: channel, count: 1 });
    });
  }

  #tell(incident: Dropped): void {
    this.#source?.tellDropped(this.layer, incident);
  }
}

/** Bytes as a message, which channels hold without looking inside. */
function seal(payload: Uint8Array): IsolatedMessage {
  return { message: { type: "sealed", payload: Uint8Array.from(payload) }, hasBytes: false };
}

function unseal({ payload }: LayerMessage): Uint8Array {
  return payload instanceof Uint8Array ? payload : new Uint8Array(0);
}
