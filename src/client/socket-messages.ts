import { Inbox, type InboxEnd } from "./inbox.ts";
import { Interruption } from "./interruption.ts";
import { parseJson } from "./parse-json.ts";
import { judgeClose, Refusal } from "./refusal.ts";
import { toWebSocketUrl } from "./resolve-url.ts";
import type { Closing } from "./status.ts";
import { tokenProtocols, type TokenSource } from "./token.ts";
import type { Traffic } from "./traffic.ts";
import { request } from "./transports/request.ts";

/** What {@link socketMessages} needs. */
export interface SocketMessagesOptions {
  /** With http or https. */
  readonly url: URL;
  readonly protocols: readonly string[];
  readonly token?: TokenSource | undefined;
  /** Closes the socket, and ends the messages without an error. */
  readonly signal: AbortSignal;
  readonly traffic?: Traffic | undefined;
  /** How many messages may wait for a slow reader. */
  readonly maxBuffered: number;
  onOpen(socket: WebSocket): void;
}

const NORMAL = 1000;
/** 4000 + "426 Upgrade Required": how a consumer answers a plain request. */
const UPGRADE_REQUIRED = 4426;

/**
 * Opens a WebSocket and yields its messages: what their JSON says, and bytes, which are skipped unless
 * `onOpen` sets the socket's `binaryType` to `arraybuffer`.
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
  const { url, token, signal, traffic, maxBuffered } = options;
  const target = toWebSocketUrl(url);
  const protocols = [...options.protocols, ...(await tokenProtocols(token))];
  if (signal.aborted) return {};
  traffic?.handshake(target, protocols);
  const socket = new WebSocket(target, protocols);
  const inbox = new Inbox(socket, {
    maxBuffered,
    onOpen() {
      traffic?.opened(socket);
      options.onOpen(socket);
    },
    onText: (text) => traffic?.frameReceived(text),
  });
  const hangUp = (): void => inbox.close(!(signal.reason instanceof Interruption));
  signal.addEventListener("abort", hangUp);
  try {
    for (let data = await inbox.take(); data !== undefined; data = await inbox.take()) {
      yield typeof data === "string" ? parseJson(data) : new Uint8Array(data);
    }
    return signal.aborted ? {} : await judge(inbox.end, options);
  } finally {
    signal.removeEventListener("abort", hangUp);
    inbox.close();
  }
}

/** Tells a normal end, which is returned, from a refusal and a break, which are thrown. */
async function judge(end: InboxEnd | undefined, options: SocketMessagesOptions): Promise<Closing> {
  const { code = NORMAL, reason = "", wasOpen = true, isOverfull = false } = end ?? {};
  if (isOverfull) throw new Interruption("the reader was too slow", { isOurs: true });
  if (!wasOpen && (await isReachable(options))) {
    throw new Interruption(reason || "the server is there, but no WebSocket gets through", {
      code,
      isBlocked: true,
    });
  }
  return judgeClose({ code, reason }, options.token !== undefined);
}

/**
 * Whether the server answers a plain request for the same address.
 *
 * @throws {Refusal} when it refuses that, too.
 */
async function isReachable(options: SocketMessagesOptions): Promise<boolean> {
  try {
    // By no name, for which a consumer would begin a connection.
    const headers = { accept: "*/*" };
    const response = await request(options.url, { ...options, headers });
    await response.body?.cancel();
    return true;
  } catch (thrown) {
    // A consumer answers every plain request so: it is there, and has not refused us.
    if (thrown instanceof Refusal && thrown.closeCode !== UPGRADE_REQUIRED) throw thrown;
    return thrown instanceof Refusal;
  }
}
