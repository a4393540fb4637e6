import { io, type Socket } from "socket.io-client";
import { follow, type TransportName } from "tidings/client";

import type { NumberedMessage } from "./message.ts";
import type { numbers } from "./tidings-server.ts";

/** Whoever listens to a server. */
export interface Client {
  /** Connects, and resolves when it is connected; after `cut`, where it was. */
  connect(): Promise<void>;
  /** Breaks the connection. */
  cut(): void;
}

/** Where a client goes, and whom it tells. */
export interface ClientOptions {
  readonly port: number;
  readonly run: string;
  readonly onMessage: (message: NumberedMessage) => void;
}

const POLL_MS = 1_000;

/** Follows our feed over one transport; the cursor is all it keeps when it is cut off. */
export function followNumbers(
  transport: TransportName,
  { port, run, onMessage }: ClientOptions,
): Client {
  const url = `http://127.0.0.1:${port}/numbers/${run}`;
  let cursor: string | undefined;
  let connection = new AbortController();
  return {
    async connect() {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      connection = new AbortController();
      const { signal } = connection;
      const followOn = async (): Promise<void> => {
        for await (const event of follow<typeof numbers>(url, {
          transport,
          cursor,
          signal,
          pollMs: POLL_MS,
          onStatus: ({ status }) => status === "open" && resolve(),
        })) {
          ({ cursor } = event);
          onMessage(event.data);
        }
      };
      followOn().then(resolve, reject);
      await promise;
    },
    cut: () => connection.abort(),
  };
}

/** Listens with Socket.IO, which comes back by itself only if it is asked to. */
export function listenWithSocketIo(
  isReturning: boolean,
  { port, onMessage }: ClientOptions,
): Client {
  const socket: Socket = io(`http://127.0.0.1:${port}`, {
    transports: ["websocket"],
    forceNew: true,
    autoConnect: false,
    reconnection: isReturning,
  });
  socket.on("number", onMessage);
  return {
    async connect() {
      const { promise, resolve } = Promise.withResolvers<void>();
      socket.once("connect", resolve);
      socket.connect();
      await promise;
    },
    cut: () => socket.io.engine.close(),
  };
}
