import { VARY } from "../delivery.ts";
import { matchesEtag, MAX_WAIT_MS } from "../poll.ts";
import { TextAnswer } from "../text-answer.ts";
import { formatPolledFrame } from "./connection-format.ts";
import type { ReadAnswer } from "./connection-link.ts";
import type { ConsumerExchange } from "./consumer-exchange.ts";

/** Answers a poll of a consumer's connection with what it has been sent since the cursor. */
export function answerConsumerPoll(exchange: ConsumerExchange, answer: ReadAnswer): TextAnswer {
  const { request, headers } = exchange;
  const { body, cursor, isChanged } = toBody(exchange, answer);
  const etag = `"${cursor}"`;
  const all = { ...headers, etag, "cache-control": "no-cache", vary: VARY };
  if (!isChanged && matchesEtag(request.headers.get("if-none-match"), etag)) {
    return TextAnswer.notModified(all);
  }
  return TextAnswer.json(body, all);
}

/**
 * Answers a long poll: at once when there is something, or nothing was asked for before; else when
 * something comes, or the wait is over.
 *
 * Asking with the cursor of the answer acknowledges it; asking again with the old one repeats it.
 */
export async function answerConsumerLongPoll(
  exchange: ConsumerExchange,
  first: ReadAnswer,
  waitMs: number,
): Promise<TextAnswer> {
  const waited = Math.min(waitMs, MAX_WAIT_MS);
  const answer = isNews(first) ? first : await waitFor(exchange, waited);
  return TextAnswer.json(toBody(exchange, answer).body, {
    ...exchange.headers,
    "cache-control": "no-store",
    "preference-applied": `wait=${Math.floor(waited / 1000)}`,
    vary: VARY,
  });
}

async function waitFor(
  { response, connections, reading }: ConsumerExchange,
  waitMs: number,
): Promise<ReadAnswer> {
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  response.once("close", stop);
  // A connection that lives here ends by itself, and the answer says so.
  const goAway = (): void => (reading.link.isLocal ? undefined : stop());
  const poll = { beat(): void {}, goAway, destroy: stop };
  connections.add(poll);
  const until = performance.now() + waitMs;
  try {
    for (;;) {
      const leftMs = Math.max(0, until - performance.now());
      const answer = await reading.next(leftMs, abort.signal);
      if (isNews(answer) || leftMs === 0 || abort.signal.aborted) return answer;
    }
  } finally {
    connections.remove(poll);
    response.off("close", stop);
  }
}

function isNews(answer: ReadAnswer): boolean {
  if (answer.kind !== "frames") return true;
  return answer.frames.length > 0 || answer.close !== undefined;
}

interface PollBody {
  readonly body: string;
  readonly cursor: string;
  readonly isChanged: boolean;
}

/** Whoever was sent away by another reader hears of no events, and of the cursor that it had. */
function toBody({ reading }: ConsumerExchange, answer: ReadAnswer): PollBody {
  const { connection, reset } = reading.hello;
  const { frames, close } = answer.kind === "frames" ? answer : { frames: [], close: undefined };
  const events = frames.map((frame) => formatPolledFrame(reading.pass(frame), frame.payload));
  const cursor = close ? reading.cursorAfter(close) : reading.cursor;
  const fields = [
    `"connection":${JSON.stringify(connection)}`,
    `"cursor":${JSON.stringify(cursor)}`,
    ...(reset ? [`"reset":${JSON.stringify(reset)}`] : []),
    `"events":[${events.join(",")}]`,
    ...(close ? [`"close":${JSON.stringify(close)}`] : []),
  ];
  return {
    body: `{${fields.join(",")}}`,
    cursor,
    isChanged: isNews(answer) || reset !== undefined,
  };
}
