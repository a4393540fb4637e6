import { WebSocket } from "ws";

/** A round: so many messages to everybody on a port, `window` of them under way at a time. */
export interface Round {
  readonly port: number;
  readonly messages: number;
  readonly window: number;
}

/**
 * The members, in a process of their own: opens the connections that it is told to, then runs rounds
 * and answers with the milliseconds until every member had every message.
 */
const MEMBERS = Number(process.argv[2]);
const members = new Map<number, WebSocket[]>();

process.on("message", (round: Round) => {
  void run(round).then((elapsedMs) => process.send?.(elapsedMs));
});
process.once("disconnect", () => process.exit());

async function run({ port, messages, window }: Round): Promise<number> {
  const sockets = members.get(port) ?? (await join(port));
  const [publisher] = sockets;
  if (!publisher) throw new Error("no members");
  let received = 0;
  let sent = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  const onMessage = (): void => {
    received += 1;
    if (received === messages * MEMBERS) resolve();
    // The next message follows when everybody has the one `window` before it.
    while (sent < messages && sent * MEMBERS < received + window * MEMBERS) publish();
  };
  const publish = (): void => publisher.send(JSON.stringify({ n: sent++ }));
  for (const socket of sockets) socket.on("message", onMessage);
  const startedAt = performance.now();
  for (let n = 0; n < window; n++) publish();
  await promise;
  const elapsedMs = performance.now() - startedAt;
  for (const socket of sockets) socket.off("message", onMessage);
  return elapsedMs;
}

async function join(port: number): Promise<WebSocket[]> {
  const sockets: WebSocket[] = [];
  for (let n = 0; n < MEMBERS; n++) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { perMessageDeflate: false });
    sockets.push(socket);
    await new Promise((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
    });
  }
  members.set(port, sockets);
  return sockets;
}
