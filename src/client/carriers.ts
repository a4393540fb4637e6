import { backoffMs } from "../core/backoff.ts";
import { TidingsError } from "../core/errors.ts";
import { isRecord } from "../core/is-record.ts";
import { SUBPROTOCOL } from "../protocol/index.ts";
import { Interruption } from "./interruption.ts";
import { toEnvelope, type Carrier, type Outgoing } from "./outgoing.ts";
import { pause } from "./pause.ts";
import { closingOf } from "./refusal.ts";
import type { Traffic } from "./traffic.ts";
import { readJson } from "./transports/read-body.ts";
import { request, type RequestOptions } from "./transports/request.ts";

/** What a socket may hold that the network has not taken. */
const MAX_UNSENT_BYTES = 4 * 1024 * 1024;
/** 4000 + "410 Gone" and "413 Content Too Large". */
const GONE = 4410;
const TOO_LARGE = 4413;

/** Carries messages over a WebSocket; their answers come among its frames. */
export function overSocket(socket: WebSocket, traffic: Traffic | undefined): Carrier {
  return async (messages) => {
    for (const message of messages) {
      const envelope = toEnvelope(message);
      traffic?.frameSent(envelope);
      socket.send(envelope);
    }
  };
}

/** Carries messages to a server that does not answer them: they are settled when the browser has them. */
export function overPlainSocket(socket: WebSocket, traffic: Traffic | undefined): Carrier {
  return async (messages) => {
    for (const { data, isQuestion, settle } of messages) {
      if (isQuestion) {
        settle(new TidingsError("CLIENT_PROTOCOL", `expected the server to speak ${SUBPROTOCOL}`));
      } else if (socket.bufferedAmount > MAX_UNSENT_BYTES) {
        settle(
          new TidingsError(
            "CLIENT_OVERLOADED",
            "expected the network to take what was sent before",
          ),
        );
      } else {
        traffic?.frameSent(data);
        socket.send(data);
        settle(undefined);
      }
    }
  };
}

/** How to post. */
export type PostOptions = Pick<RequestOptions, "signal" | "token" | "traffic">;

/**
 * Carries messages by POST, one request after another.
 *
 * A request that fails on the way is repeated, until the signal fires: the server knows the ids. What is
 * too large together goes in halves. A
 * connection that is gone is for the reader to find out, which hears of the next one.
 */
export function overPost(outgoing: Outgoing, url: URL, options: PostOptions): Carrier {
  return async function carry(messages) {
    const body = `[${messages.map(toEnvelope).join()}]`;
    for (let failures = 0; !options.signal.aborted; failures++) {
      try {
        const response = await request(url, { ...options, init: { method: "POST", body } });
        const answer = await readJson(response, options.traffic);
        const answers = isRecord(answer) ? answer["answers"] : undefined;
        if (!Array.isArray(answers)) throw new TidingsError("CLIENT_PROTOCOL", "expected answers");
        for (const each of answers) outgoing.answer(each);
        return;
      } catch (thrown) {
        if (options.signal.aborted) return;
        const { code, reason = "" } = closingOf(thrown);
        if (code === GONE) return;
        if (code === TOO_LARGE) {
          const half = Math.floor(messages.length / 2);
          if (half === 0) {
            return messages[0]?.settle(new TidingsError("MESSAGE_TOO_LARGE", reason));
          }
          await carry(messages.slice(0, half));
          return await carry(messages.slice(half));
        }
        if (thrown instanceof TidingsError) throw thrown;
        const { retryAfterMs = 0 } = Interruption.from(thrown).details;
        await pause(retryAfterMs + backoffMs(failures), options.signal);
      }
    }
  };
}
