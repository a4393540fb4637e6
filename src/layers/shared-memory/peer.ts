import type { Duplex } from "node:stream";
import { serialize } from "node:v8";

import type { LayerIncident } from "../layer.ts";
import { encodeFrame, type Frame, type FrameContent } from "./frame.ts";
import { Link } from "./link.ts";
import { Requests, type Answer, type Outcome } from "./requests.ts";

/** What the hub's end of a process needs. */
export interface PeerOptions {
  readonly stream: Duplex;
  readonly maxOutboxBytes: number;
  readonly answerTimeoutMs: number;
  readonly onFrame: (peer: Peer, frame: Frame) => void;
  readonly onClose: (peer: Peer) => void;
}

/** More than any sane process has under way to another one. */
const MAX_REQUESTS = 10_000;

/** A process, as the hub sees it: where frames go, what it was asked, and what it has missed. */
export class Peer {
  /** Its own name; nothing before it has opened a layer. */
  name: string | undefined;
  readonly layers: Set<number> = new Set();
  readonly #link: Link;
  readonly #requests: Requests;
  /** Messages of this process that others missed, by layer and name; told in one frame each. */
  readonly #losses = new Map<string, { readonly layer: number; incident: Dropped }>();
  #missesSince: number | undefined;

  constructor({ stream, maxOutboxBytes, answerTimeoutMs, onFrame, onClose }: PeerOptions) {
    this.#requests = new Requests({ maxCount: MAX_REQUESTS, timeoutMs: answerTimeoutMs });
    this.#link = new Link({
      stream,
      maxBytes: maxOutboxBytes,
      onFrame: (frame) => {
        if (frame.kind === "reply") this.#requests.settle(frame.id, frame.name, frame.payload);
        else onFrame(this, frame);
      },
      onClose: () => {
        onClose(this);
        this.#requests.close();
      },
      onDrain: () => this.#onDrain(),
    });
  }

  get waitingBytes(): number {
    return this.#link.waitingBytes;
  }

  /** Passes a frame on; `false`, and it will be told of a gap, when it does not keep up. */
  offer(bytes: Uint8Array): boolean {
    if (this.#link.offer(bytes)) return true;
    this.#missesSince ??= Date.now();
    return false;
  }

  /** Asks the process for something; it is settled in any case. */
  request(content: FrameContent, settle: (answer: Answer) => void): void {
    this.#requests.add((id) => this.offer(encodeFrame({ ...content, id })), settle);
  }

  /** Answers a request of the process. */
  reply({ layer, id }: Frame, outcome: Outcome, payload?: Uint8Array): void {
    if (id === 0) return;
    this.#link.push(encodeFrame({ kind: "reply", layer, id, name: outcome, payload }));
  }

  /** Tells the process that others missed messages of its. */
  tellDropped(layer: number, incident: Dropped): void {
    const key = `${layer} ${incident.reason} ${incident.name}`;
    const told = this.#losses.get(key);
    if (told) {
      told.incident = { ...incident, count: told.incident.count + incident.count };
      return;
    }
    if (this.#losses.size === 0) setImmediate(() => this.#tellLosses());
    this.#losses.set(key, { layer, incident });
  }

  close(): void {
    this.#link.close();
  }

  #tellLosses(): void {
    for (const { layer, incident } of this.#losses.values()) {
      // When even this finds no room, the process does not read: it has more to worry about.
      this.#link.offer(encodeFrame({ kind: "dropped", layer, payload: serialize(incident) }));
    }
    this.#losses.clear();
  }

  #onDrain(): void {
    if (this.#missesSince === undefined) return;
    const gap = { kind: "gap", from: this.#missesSince, to: Date.now() } satisfies LayerIncident;
    this.#missesSince = undefined;
    const payload = serialize(gap);
    for (const layer of this.layers) this.#link.push(encodeFrame({ kind: "gap", layer, payload }));
  }
}

/** An incident of dropped messages. */
export type Dropped = Extract<LayerIncident, { readonly kind: "dropped" }>;
