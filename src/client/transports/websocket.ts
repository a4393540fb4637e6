import { SUBPROTOCOL } from "../../protocol/index.ts";
import { Inbox } from "../inbox.ts";
import { Interruption } from "../interruption.ts";
import { closingOf, judgeClose } from "../refusal.ts";
import { toWebSocketUrl, withParameter } from "../resolve-url.ts";
import type { Closing } from "../status.ts";
import { tokenProtocols } from "../token.ts";
import { request } from "./request.ts";
import type { TransportRequest } from "./transport.ts";

/** 4000 + "426 Upgrade Required": how a consumer answers a plain request. */
const UPGRADE_REQUIRED = 4426;

/**
 * Hears a feed or a consumer over a WebSocket; bytes are skipped, unless `onSocket` sets the socket's
 * `binaryType` to `arraybuffer`.
 *
 * A WebSocket cannot be slowed down: when `maxBuffered` frames wait for the reader it is closed, and
 * opened again after the last one that was read. Over our subprotocol the last frame says how it ends,
 * and a close without it is an interruption.
 */
export async function* followWebSocket(
  options: TransportRequest,
): AsyncGenerator<unknown, Closing> {
  const { place, token, signal, traffic, maxBuffered, isPlain = false } = options;
  // A consumer then begins a connection that can be gone on with, and says so at once, also to who
  // expects a feed; who does not know that sees a parameter more.
  const isAsked = isPlain || options.url.searchParams.has("connection");
  const asked = isAsked ? options.url : withParameter(options.url, "connection", "");
  const url = withParameter(asked, "cursor", place.cursor);
  const target = toWebSocketUrl(url);
  const protocols = [...(isPlain ? [] : [SUBPROTOCOL]), ...(await tokenProtocols(token))];
  if (signal.aborted) return {};
  traffic?.handshake(target, protocols);
  const socket = new WebSocket(target, protocols);
  const inbox = new Inbox(socket, {
    maxBuffered,
    traffic,
    onOpen() {
      options.onSocket?.(socket);
      options.opened();
    },
  });
  const hangUp = (): void => inbox.close(!(signal.reason instanceof Interruption));
  signal.addEventListener("abort", hangUp);
  try {
    const { code, reason, wasOpen, isOverfull } = yield* inbox.messages();
    if (signal.aborted) return {};
    if (isOverfull) throw new Interruption("the reader was too slow", { isOurs: true });
    if (!wasOpen && (await isReachable({ ...options, url }))) {
      const why = reason || "the server is there, but no WebSocket gets through";
      throw new Interruption(why, { code, isBlocked: true });
    }
    const closing = judgeClose({ code, reason }, token !== undefined);
    if (socket.protocol === "") return closing;
    throw new Interruption("closed before its end", closing);
  } finally {
    signal.removeEventListener("abort", hangUp);
    inbox.close();
  }
}

/**
 * Whether the server answers a plain request for the same address, and has room: a browser does not tell
 * why a handshake failed.
 *
 * @throws {Refusal} when it refuses that, too.
 * @throws {Interruption} when it says to come back later.
 */
async function isReachable(options: TransportRequest): Promise<boolean> {
  try {
    // By no name, for which a consumer would begin a connection; but as what needs room, like the handshake.
    const headers = { accept: "*/*", prefer: "wait=0" };
    const response = await request(options.url, { ...options, headers });
    await response.body?.cancel();
    return true;
  } catch (thrown) {
    const { code } = closingOf(thrown);
    // A consumer answers every plain request so: it is there, and has not refused us.
    if (code === UPGRADE_REQUIRED) return true;
    if (code === undefined) return false;
    throw thrown;
  }
}
