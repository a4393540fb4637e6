import { BoundedQueue } from "../core/bounded-queue.ts";
import { Interruption } from "./interruption.ts";
import { parseJson } from "./parse-json.ts";
import { isRefusal, Refusal } from "./refusal.ts";
import { toWebSocketUrl } from "./resolve-url.ts";
import type { Closing } from "./status.ts";
import type { Traffic } from "./traffic.ts";
import { request } from "./transports/request.ts";

/** What {@link socketMessages} needs. */
export interface SocketMessagesOptions {
  /** With http or https. */
  readonly url: URL;
  readonly protocols: readonly string[];
  /** Closes the socket, and ends the messages without an error. */
  readonly signal: AbortSignal;
  readonly traffic: Traffic;
  /** How many messages may wait for a slow reader. */
  readonly maxBuffered: number;
  onOpen(socket: WebSocket): void;
}

const NORMAL = 1000;
/** A handshake that takes longer is given up. */
const OPEN_TIMEOUT_MS = 15_000;

/**
 * Opens a WebSocket and yields its messages, which are JSON; binary ones are skipped.
 *
 * Returns when it was closed normally. At the bound of messages that wait, the socket is closed: those
 * that wait are still yielded, and then an {@link Interruption} is thrown.
 *
 * @throws {TidingsError} CLIENT_PROTOCOL for a message that is no JSON.
 * @throws {Refusal} when the server refuses. Since a browser does not tell why a handshake failed, the
 *   same address is then asked over HTTP once.
 * @throws {Interruption} when it broke.
 */
export async function* socketMessages(
  options: SocketMessagesOptions,
): AsyncGenerator<unknown, Closing> {
  const { url, protocols, signal, traffic, maxBuffered } = options;
  const target = toWebSocketUrl(url);
  traffic.handshake(target, protocols);
  const socket = new WebSocket(target, [...protocols]);
  const queue = new BoundedQueue<string>(maxBuffered);
  let close: { readonly code: number; readonly reason: string } | undefined;
  let isOpen = false;
  let isTooSlow = false;
  let wake = (): void => {};
  const hangUp = (): void => {
    socket.close(NORMAL);
    wake();
  };
  const openTimer = setTimeout(hangUp, OPEN_TIMEOUT_MS);

  socket.addEventListener("open", () => {
    clearTimeout(openTimer);
    isOpen = true;
    traffic.opened(socket);
    options.onOpen(socket);
  });
  socket.addEventListener("message", ({ data }: { readonly data: unknown }) => {
    if (typeof data !== "string") return;
    traffic.frameReceived(data);
    if (isTooSlow || signal.aborted) return;
    isTooSlow = !queue.push(data);
    if (isTooSlow) socket.close(NORMAL);
    wake();
  });
  socket.addEventListener("close", ({ code, reason }) => {
    close = { code, reason };
    wake();
  });
  signal.addEventListener("abort", hangUp);

  try {
    while (!signal.aborted) {
      const text = queue.shift();
      if (text !== undefined) yield parseJson(text);
      else if (close || isTooSlow) break;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    clearTimeout(openTimer);
    signal.removeEventListener("abort", hangUp);
    socket.close(NORMAL);
  }

  if (signal.aborted) return {};
  if (isTooSlow) throw new Interruption("the reader was too slow", { isOurs: true });
  const { code = NORMAL, reason = "" } = close ?? {};
  if (!isOpen) await askWhy(options);
  if (code === NORMAL) return { code, reason };
  if (isRefusal(code)) throw new Refusal(code, reason || `refused with the close code ${code}`);
  throw new Interruption(reason || `closed with ${code}`, { code });
}

/** Throws a {@link Refusal} when the server refuses a plain request for the same address, too. */
async function askWhy({ url, signal, traffic }: SocketMessagesOptions): Promise<void> {
  const UPGRADE_REQUIRED = 4426;
  try {
    const headers = { accept: "application/json" };
    const response = await request(url, { headers, signal, traffic });
    await response.body?.cancel();
  } catch (thrown) {
    // A consumer answers every plain request so: it is there, and has not refused us.
    if (thrown instanceof Refusal && thrown.closeCode !== UPGRADE_REQUIRED) throw thrown;
  }
}
