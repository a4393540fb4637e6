import { randomBytes } from "node:crypto";

import {
  formatConnectionCursor,
  isFinalClose,
  type ConnectionPlace,
} from "../../protocol/index.ts";
import type { FeedResponse } from "../feed-exchange.ts";
import type { OpenConnections } from "../open-connections.ts";
import type { ConnectionFormat, ConnectionHello, ConnectionReset } from "./connection-format.ts";
import type {
  ConnectionClose,
  ConnectionLink,
  Following,
  ReadAnswer,
  TakeAnswer,
} from "./connection-link.ts";
import type { Frame } from "./shared-frames.ts";

/** What a stream needs of Node's response beside what every delivery does. */
export interface ConsumerResponse extends FeedResponse {
  /** Whether it holds as much as it likes; `drain` says that it is empty again. */
  readonly writableNeedDrain: boolean;
  write(bytes: Uint8Array): unknown;
  write(text: string, encoding: "latin1" | "utf8"): unknown;
  once(event: "close" | "drain", listener: () => void): unknown;
  off(event: "close" | "drain", listener: () => void): unknown;
}

/** A GET request for what a consumer's connection has been sent, let through by its middleware. */
export interface ConsumerExchange {
  readonly request: Request;
  readonly response: ConsumerResponse;
  readonly connections: OpenConnections;
  readonly reading: Reading;
  /** Whether the client comes back to a connection, or has just begun one. */
  readonly isResumed: boolean;
  /** Headers of the consumer's own, for the answer that begins a connection. */
  readonly headers: Readonly<Record<string, string>>;
  /** Told once when a stream is over, which has gone on after it was begun. */
  readonly onOver?: (() => void) | undefined;
}

/** What a {@link Reading} begins with. */
export interface ReadingOptions {
  readonly link: ConnectionLink;
  /** What the client has of the connection. */
  readonly place: ConnectionPlace;
  readonly reset?: ConnectionReset | undefined;
}

/** One request's way through the frames of a connection. */
export class Reading {
  readonly link: ConnectionLink;
  readonly #reset: ConnectionReset | undefined;
  readonly #reader = randomBytes(12).toString("base64url");
  readonly #connection: string;
  #sequence: number;
  #positions: string | undefined;
  #isFirst = true;

  constructor({ link, place, reset }: ReadingOptions) {
    this.link = link;
    this.#connection = place.connection;
    this.#sequence = place.sequence;
    this.#positions = place.positions;
    this.#reset = reset;
  }

  /** Where it is. */
  get cursor(): string {
    return formatConnectionCursor({
      connection: this.#connection,
      sequence: this.#sequence,
      positions: this.#positions,
    });
  }

  get hello(): ConnectionHello {
    const { cursor } = this;
    const connection = this.#connection;
    const reset = this.#reset;
    return reset ? { connection, cursor, reset } : { connection, cursor };
  }

  /** Reads on. The first time, the client has what was before; later, that was only sent to it. */
  async next(waitMs: number, signal?: AbortSignal): Promise<ReadAnswer> {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    return await this.link.read({
      reader: this.#reader,
      isFirst,
      after: this.#sequence,
      isAcknowledged: isFirst,
      waitMs,
      signal,
    });
  }

  /** Has all that comes handed over from here on; `isReady` tells whether something is taken now. */
  follow(isReady: boolean, take: TakeAnswer): Following {
    return this.link.follow({ reader: this.#reader, after: this.#sequence, isReady }, take);
  }

  /** Goes on behind a frame; returns its cursor. */
  pass({ sequence, positions }: Frame): string {
    this.#sequence = sequence;
    if (positions !== undefined && positions !== this.#positions) {
      this.#positions = positions;
      return this.cursor;
    }
    // The rest of it has been checked, and this is done for each frame of each connection.
    const end = this.#positions === undefined ? "" : `~${this.#positions}`;
    return `${this.#connection}.${sequence}${end}`;
  }

  /** Goes on behind frames that a stream sends; returns them as they are to be written, in Latin-1. */
  passAll(frames: readonly Frame[], format: ConnectionFormat): string {
    const last = frames.at(-1);
    if (!last) return "";
    const { pieces, positions } = format.frames(frames, this.#positions);
    this.#sequence = last.sequence;
    this.#positions = positions;
    return pieces.join(this.#connection);
  }

  /**
   * Where to come back to after a close: to the end of the connection when there is no coming back,
   * else to a new one, which goes on in the histories of the groups.
   */
  cursorAfter({ code }: ConnectionClose): string {
    return isFinalClose(code) ? this.cursor : (this.#positions ?? "");
  }
}
