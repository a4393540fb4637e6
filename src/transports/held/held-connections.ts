import { randomBytes } from "node:crypto";

import { ConsumerSession, type ConsumerSessionOptions } from "../../channels/index.ts";
import type { Logger } from "../../core/logger.ts";
import { MemoryLayer, type ChannelLayer } from "../../layers/index.ts";
import { homeOf } from "../../protocol/index.ts";
import type { MessageRate } from "../message-rate.ts";
import type { OpenConnections } from "../open-connections.ts";
import type { WebSocketLosses } from "../websocket-losses.ts";
import type { ConnectionLink, Visitor } from "./connection-link.ts";
import { HeldConnection, type HeldConnectionLimits } from "./held-connection.ts";
import { answerQuestion } from "./relay-answer.ts";
import { Relay } from "./relay.ts";
import { RemoteConnection } from "./remote-connection.ts";
import { SharedFrames } from "./shared-frames.ts";

/** What {@link HeldConnections} need. */
export interface HeldConnectionsOptions {
  readonly limits: HeldConnectionLimits;
  readonly rate: MessageRate;
  readonly losses: WebSocketLosses;
  readonly connections: OpenConnections;
  readonly logger: Logger;
}

/** A connection that a request has just asked for. */
export interface NewConnection {
  readonly visitor: Visitor;
  readonly session: Omit<ConsumerSessionOptions, "port" | "onOver">;
  /** Told of the session before it begins, and once when it is over. */
  onBegin(session: ConsumerSession): void;
  onSessionOver(session: ConsumerSession): void;
}

/** The processes that share a layer of their own memory: all are in this process. */
const homesOnMemory = new WeakMap<ChannelLayer, Set<string>>();

/** The connections of a server's consumers that outlive the requests that carry them. */
export class HeldConnections {
  readonly #options: HeldConnectionsOptions;
  readonly #connections = new Map<string, HeldConnection>();
  readonly #frames = new SharedFrames();
  readonly #relays = new Map<ChannelLayer, Relay>();

  constructor(options: HeldConnectionsOptions) {
    this.#options = options;
  }

  /** Makes a connection that lives here, and runs the consumer's `connect`. */
  async open(asked: NewConnection): Promise<HeldConnection> {
    const { layer, definition } = asked.session;
    const relay = this.#relayOf(layer);
    await relay.start();
    const id = `${relay.home}.${randomBytes(16).toString("base64url")}`;
    const connection = new HeldConnection({
      ...this.#options,
      id,
      definition,
      frames: this.#frames,
      visitor: asked.visitor,
      onOver: () => void this.#connections.delete(id),
    });
    this.#connections.set(id, connection);
    const session = new ConsumerSession({
      ...asked.session,
      port: connection,
      onOver: () => {
        connection.onSessionOver();
        asked.onSessionOver(session);
      },
    });
    asked.onBegin(session);
    connection.run(session);
    return connection;
  }

  /** Finds a connection, wherever it lives; a process that has died is noticed when it is asked. */
  find(id: string, layer: ChannelLayer, visitor: Visitor): ConnectionLink | "lost" | "forbidden" {
    const relay = this.#relayOf(layer);
    const home = homeOf(id);
    if (home === undefined) return "lost";
    if (home === relay.home) return this.#findHere(id, visitor);
    if (layer instanceof MemoryLayer && !homesOnMemory.get(layer)?.has(home)) return "lost";
    return new RemoteConnection(relay, { home, id }, visitor);
  }

  /** Hears of nobody any more; what lives here has been asked to go before. */
  stop(): void {
    for (const connection of this.#connections.values()) connection.destroy();
    for (const [layer, relay] of this.#relays) {
      homesOnMemory.get(layer)?.delete(relay.home);
      relay.stop();
    }
  }

  #findHere(id: string, visitor: Visitor): HeldConnection | "lost" | "forbidden" {
    const connection = this.#connections.get(id);
    if (!connection) return "lost";
    const welcome = connection.welcomes(visitor);
    return welcome === "yes" ? connection : welcome;
  }

  #relayOf(layer: ChannelLayer): Relay {
    const known = this.#relays.get(layer);
    if (known) return known;
    const relay = new Relay({
      layer,
      logger: this.#options.logger,
      answer: async (question, signal) =>
        await answerQuestion(question, signal, (id, visitor) => this.#findHere(id, visitor)),
    });
    this.#relays.set(layer, relay);
    if (layer instanceof MemoryLayer) {
      const homes = homesOnMemory.get(layer) ?? new Set();
      homesOnMemory.set(layer, homes.add(relay.home));
    }
    return relay;
  }
}
