import type { Frame } from "./shared-frames.ts";

/** What somebody who reads a connection wants. */
export interface ReadRequest {
  /** Who reads. Each new one takes the connection over: whoever read before is sent away. */
  readonly reader: string;
  readonly isFirst: boolean;
  /** The number of the last frame that the reader has. */
  readonly after: number;
  /** Whether the client has everything up to there, or it was only sent to it. */
  readonly isAcknowledged: boolean;
  /** How long to wait when there is nothing. */
  readonly waitMs: number;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
}

/** How a connection has ended. */
export interface ConnectionClose {
  readonly code: number;
  readonly reason: string;
  /** After how many milliseconds to come back, if many others are told to at the same time. */
  readonly retryMs?: number | undefined;
}

/** Why a connection cannot be gone on with. */
export type LossReason =
  /** It has ended, or the process where it lived has. */
  | "connection-gone"
  /** What came after the place is not kept any more. */
  | "too-far";

/** What a read finds. */
export type ReadAnswer =
  | {
      readonly kind: "frames";
      readonly frames: readonly Frame[];
      /** The connection has ended, and these are its last frames. */
      readonly close: ConnectionClose | undefined;
    }
  | { readonly kind: "lost"; readonly reason: LossReason }
  /** Somebody else reads the connection now. */
  | { readonly kind: "taken" }
  /** It is another user's. */
  | { readonly kind: "forbidden" };

/** How messages of a client come. */
export interface PostOptions {
  /**
   * Whether they come one by one, over what limits by itself how fast they come and how many wait.
   * @default false
   */
  readonly isPaced?: boolean | undefined;
}

/** What became of a client's messages. */
export type PostAnswer =
  /** What is to be told of them, in JSON each; the connection may have ended meanwhile. */
  | { readonly kind: "answers"; readonly answers: readonly string[] }
  | { readonly kind: "lost" | "forbidden" | "malformed" | "busy" }
  /** Nobody can say; those with ids can be sent again. */
  | { readonly kind: "unsure" };

/** What became of the wish to end a connection. */
export type EndAnswer = "done" | "lost" | "forbidden";

/** Where somebody begins to follow a connection that they read already. */
export interface FollowRequest {
  readonly reader: string;
  readonly after: number;
  /** Whether they take something now, or only when they ask for more. */
  readonly isReady: boolean;
}

/** Takes what comes, in the turn that brings it; returns whether it takes more now. MUST NOT throw. */
export type TakeAnswer = (answer: ReadAnswer) => boolean;

/** Somebody's following of a connection. */
export interface Following {
  /** Takes more, after it did not. */
  more(): void;
  leave(): void;
}

/** A consumer's connection as the requests of its client see it, wherever it lives. */
export interface ConnectionLink {
  /** Whether it lives in this process. */
  readonly isLocal: boolean;
  read(request: ReadRequest): Promise<ReadAnswer>;
  /** Hands over all that comes, until the connection ends, is lost or taken over, or is left. */
  follow(request: FollowRequest, take: TakeAnswer): Following;
  /** Hands over messages of the client; settles when all of them are handled. */
  post(body: string, options?: PostOptions): Promise<PostAnswer>;
  /** The client has had enough. */
  end(): Promise<EndAnswer>;
}

/** Who makes a request, and where: the same for all requests of one connection. */
export interface Visitor {
  /** The route, and what its parameters matched. */
  readonly place: string;
  /** The key of the user; `null` for a stranger. */
  readonly user: string | null;
  /** Until when the user may be relied on, in milliseconds since 1970. */
  readonly validUntil: number | undefined;
}
