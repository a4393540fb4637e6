import type { FeedEvent } from "../../protocol/index.ts";
import { pause } from "../pause.ts";
import { withParameter } from "../resolve-url.ts";
import type { Closing } from "../status.ts";
import { readAnswer } from "./read-answer.ts";
import { request } from "./request.ts";
import { ENDED, type TransportRequest } from "./transport.ts";

const NOT_MODIFIED = 304;

/** Hears a feed by asking every `pollMs`; what has not changed is answered without a body. */
export async function* followPoll({
  url,
  place,
  token,
  signal,
  traffic,
  opened,
  pollMs,
}: TransportRequest): AsyncGenerator<FeedEvent, Closing> {
  for (;;) {
    const { cursor } = place;
    const known = cursor === undefined ? {} : { "if-none-match": `"${cursor}"` };
    const response = await request(withParameter(url, "cursor", cursor), {
      headers: { accept: "application/json", ...known },
      token,
      signal,
      traffic,
    });
    if (response.status !== NOT_MODIFIED) {
      const answer = await readAnswer(response, traffic);
      opened();
      yield* answer.events;
      place.cursor = answer.cursor;
      if (answer.end) return ENDED;
    }
    opened();
    await pause(pollMs, signal);
    signal.throwIfAborted();
  }
}
