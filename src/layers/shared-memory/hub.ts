import type { Duplex } from "node:stream";
import { deserialize } from "node:v8";

import { assertDuration, assertPositiveInteger } from "../../core/options.ts";
import type { Frame } from "./frame.ts";
import { Peer } from "./peer.ts";
import type { Opening } from "./port.ts";
import { processOf } from "./process-name.ts";
import type { Outcome } from "./requests.ts";
import { Space } from "./space.ts";

/** Options of the {@link SharedMemoryHub}. */
export interface SharedMemoryHubOptions {
  /** How many bytes may wait for one process. @default 16 MiB */
  readonly maxOutboxBytes?: number | undefined;
  /** How long a process may take to say what became of a message. @default 5_000 */
  readonly answerTimeoutMs?: number | undefined;
}

/**
 * Where the processes that share a memory layer meet: in the process that started them.
 *
 * It passes a group's messages on to every other process, each once and unread, brings a channel's
 * messages to the process that reads it, and holds the channels that all may read. What a process that
 * does not keep up has no room for is dropped: the sender is told how much, the process that there is
 * a gap.
 */
export class SharedMemoryHub {
  readonly #maxOutboxBytes: number;
  readonly #answerTimeoutMs: number;
  readonly #peers = new Set<Peer>();
  readonly #spaces = new Map<number, Space>();

  constructor({
    maxOutboxBytes = 16 * 1024 * 1024,
    answerTimeoutMs = 5_000,
  }: SharedMemoryHubOptions = {}) {
    this.#maxOutboxBytes = assertPositiveInteger("maxOutboxBytes", maxOutboxBytes);
    this.#answerTimeoutMs = assertDuration("answerTimeoutMs", answerTimeoutMs);
  }

  /** Bytes that wait for processes, all together. */
  get waitingBytes(): number {
    return this.#peers.values().reduce((sum, { waitingBytes }) => sum + waitingBytes, 0);
  }

  /** Takes in a process, at the other end of a stream, until the stream ends. */
  connect(stream: Duplex): void {
    const peer = new Peer({
      stream,
      maxOutboxBytes: this.#maxOutboxBytes,
      answerTimeoutMs: this.#answerTimeoutMs,
      onFrame: (sender, frame) => this.#onFrame(sender, frame),
      onClose: (gone) => this.#onClose(gone),
    });
    this.#peers.add(peer);
  }

  /** Lets go of every process. */
  close(): void {
    for (const peer of this.#peers) peer.close();
  }

  #onFrame(peer: Peer, frame: Frame): void {
    if (frame.kind === "open") return this.#open(peer, frame);
    const space = this.#spaces.get(frame.layer);
    // What was under way when the process closed the layer.
    if (!space?.peers.has(peer)) return peer.reply(frame, "gone");
    space.onBehalfOf(peer, () => this.#handle(space, peer, frame));
  }

  #handle(space: Space, peer: Peer, frame: Frame): void {
    const { kind, name } = frame;
    switch (kind) {
      case "group":
        return this.#sendGroup(space, peer, frame);
      case "send":
        return this.#send(space, peer, frame);
      case "join":
      case "leave":
        return this.#changeGroup(space, peer, frame);
      case "receive":
        return space.receive(peer, frame);
      case "cancel":
        return space.cancel(peer, frame);
      case "listen":
        return space.listen(peer, name);
      case "unlisten":
        return space.unlisten(peer, name);
      case "flush":
        return this.#flush(space, peer, frame);
      case "ping":
        return peer.reply(frame, "ok");
      case "close":
        return leave(space, peer);
      case "open":
      case "reply":
      case "dropped":
      case "gap": // these never come from a process, or not here
    }
  }

  #open(peer: Peer, frame: Frame): void {
    const { process, key, bounds } = toOpening(frame.payload);
    const space = this.#spaces.get(frame.layer) ?? new Space({ key, layer: frame.layer, bounds });
    if (space.key !== key) return peer.reply(frame, "refused");
    this.#spaces.set(frame.layer, space);
    peer.name = process;
    peer.layers.add(frame.layer);
    space.peers.add(peer);
    peer.reply(frame, "ok");
  }

  #sendGroup(space: Space, sender: Peer, { layer, name, payload, bytes }: Frame): void {
    let missed = 0;
    for (const peer of space.peers) {
      if (peer !== sender && !peer.offer(bytes)) missed++;
    }
    space.deliverGroup(name, payload);
    if (missed === 0) return;
    sender.tellDropped(layer, { kind: "dropped", reason: "full", name, count: missed });
  }

  #send(space: Space, sender: Peer, frame: Frame): void {
    const { name, layer, payload } = frame;
    const home = processOf(name);
    const keep = (): Outcome => (space.deliver(name, payload) ? "ok" : "full");
    const lose = (): Outcome => {
      sender.tellDropped(layer, { kind: "dropped", reason: "unheard", name, count: 1 });
      return "ok";
    };
    const reader = home === undefined ? space.listenerOf(name) : this.#find(space, home);
    if (!reader) return sender.reply(frame, home === undefined ? keep() : lose());
    reader.request({ kind: "send", layer, name, payload }, ({ outcome }) => {
      space.onBehalfOf(sender, () => {
        if (outcome === "lost" || (outcome === "gone" && home !== undefined)) {
          sender.reply(frame, lose());
          // Its listener ended while the message was under way: whoever reads next has it.
        } else sender.reply(frame, outcome === "gone" ? keep() : outcome);
      });
    });
  }

  #changeGroup(space: Space, sender: Peer, frame: Frame): void {
    const { kind, layer, name, payload } = frame;
    const channel = Buffer.from(payload).toString("latin1");
    const home = processOf(channel);
    if (home === undefined) {
      if (kind === "join") space.join(name, channel);
      else space.leave(name, channel);
      return sender.reply(frame, "ok");
    }
    const reader = this.#find(space, home);
    if (!reader) return sender.reply(frame, "ok"); // a dead process's channel hears nothing anyway
    reader.request({ kind, layer, name, payload }, ({ outcome }) =>
      sender.reply(frame, outcome === "lost" ? "ok" : outcome),
    );
  }

  #flush(space: Space, sender: Peer, frame: Frame): void {
    space.flush();
    const others = [...space.peers].filter((peer) => peer !== sender);
    let waiting = others.length;
    if (waiting === 0) return sender.reply(frame, "ok");
    for (const peer of others) {
      peer.request({ kind: "flush", layer: frame.layer }, () => {
        waiting--;
        if (waiting === 0) sender.reply(frame, "ok");
      });
    }
  }

  #find(space: Space, process: string): Peer | undefined {
    return space.peers.values().find(({ name }) => name === process);
  }

  #onClose(peer: Peer): void {
    this.#peers.delete(peer);
    for (const layer of peer.layers) {
      const space = this.#spaces.get(layer);
      if (space) leave(space, peer);
    }
  }
}

function leave(space: Space, peer: Peer): void {
  peer.layers.delete(space.layer);
  space.remove(peer);
}

function toOpening(payload: Uint8Array): Opening {
  const opening: unknown = deserialize(payload);
  if (isOpening(opening)) return opening;
  throw new TypeError("a process opened a layer without a name");
}

function isOpening(value: unknown): value is Opening {
  return typeof value === "object" && value !== null && "process" in value && "key" in value;
}
