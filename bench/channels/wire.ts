import { TEXT } from "./message.ts";

/** What a client of one kind of server says and hears. */
export interface Wire {
  /** The target of the handshake that joins a room; of a connection that is echoed to, without one. */
  target(room: string | undefined): string;
  /** What is said to everybody in the room, or echoed. */
  say(n: number, isEcho: boolean): string;
  /** What a client has to say after what the server said, until it has joined. */
  greet(text: string): "joined" | { readonly answer: string };
  /** Whether a client has joined as soon as its handshake is answered. */
  readonly joinsAtOnce: boolean;
  /** Reads the number of a message, and checks that all of it has arrived. */
  read(text: string): number;
}

const plain: Wire = {
  joinsAtOnce: true,
  target: (room) => (room === undefined ? "/echo" : `/rooms/${room}`),
  say: (n, isEcho) => JSON.stringify(isEcho ? { n, text: TEXT } : { n }),
  greet: () => "joined",
  read: (text) => toNumber(JSON.parse(text)),
};

/** Engine.IO 4 (0 open, 4 message) and Socket.IO 5 (0 connect, 2 event) over a WebSocket alone. */
const socketIo: Wire = {
  joinsAtOnce: false,
  target: (room) =>
    `/socket.io/?EIO=4&transport=websocket${room === undefined ? "" : `&room=${room}`}`,
  say: (n, isEcho) => `42${JSON.stringify(isEcho ? ["echo", { n, text: TEXT }] : ["say", { n }])}`,
  greet: (text) => (text.startsWith("0{") ? { answer: "40" } : "joined"),
  read(text) {
    const [, data]: readonly unknown[] = JSON.parse(text.slice("42".length));
    return toNumber(data);
  },
};

/** How to talk to a kind of server. */
export const wires: Readonly<Record<WireName, Wire>> = { plain, "socket.io": socketIo };

export type WireName = "plain" | "socket.io";

function toNumber(data: unknown): number {
  if (typeof data !== "object" || data === null) throw new Error("expected an object");
  if (!("n" in data) || typeof data.n !== "number") throw new Error("expected a number `n`");
  if (!("text" in data) || data.text !== TEXT) throw new Error("expected the whole text");
  return data.n;
}
