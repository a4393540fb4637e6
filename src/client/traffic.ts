/** What following has cost so far. */
export interface TrafficTotals {
  /** Requests made, WebSocket handshakes included. */
  readonly requests: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

/** Told of requests and bytes, whenever there are more. */
export type TrafficListener = (totals: TrafficTotals) => void;

/** Told of what is sent and received, as far as a script can see it. */
export interface Traffic {
  /** A request is about to be made. */
  request(url: URL, headers: Readonly<Record<string, string>>, init?: RequestInit): void;
  /** The head of a response has come. */
  response(response: Response): void;
  /** A piece of a response's body has come. */
  body(bytes: Uint8Array): void;
  /** A WebSocket handshake is about to be made. */
  handshake(url: URL, protocols: readonly string[]): void;
  /** A handshake has been answered. */
  opened(socket: WebSocket): void;
  frameReceived(data: string | ArrayBuffer): void;
  frameSent(data: string | Uint8Array): void;
}
