import { isHidden } from "../browser.ts";
import { pause } from "../pause.ts";
import { withParameter } from "../resolve-url.ts";
import type { Closing } from "../status.ts";
import { framesOf, readAnswer } from "./read-answer.ts";
import { request } from "./request.ts";
import { ENDED, type TransportRequest } from "./transport.ts";

const NOT_MODIFIED = 304;
/** Often enough for a consumer's connection, which lives for half a minute without anybody who reads it. */
const HIDDEN_MS = 20_000;

/**
 * Hears a feed or a consumer by asking every `pollMs`; what has not changed is answered without a body.
 *
 * While the page is hidden it asks every 20 s, and at once when it is shown again.
 */
export async function* followPoll({
  url,
  place,
  token,
  signal,
  traffic,
  opened,
  pollMs,
}: TransportRequest): AsyncGenerator<unknown, Closing> {
  // The first answer has a body, whatever is missed: a consumer's says which connection it is about.
  let known = {};
  for (;;) {
    const response = await request(withParameter(url, "cursor", place.cursor), {
      headers: { accept: "application/json", ...known },
      token,
      signal,
      traffic,
    });
    if (response.status !== NOT_MODIFIED) {
      const answer = await readAnswer(response, traffic);
      opened();
      yield* framesOf(answer);
      place.cursor = answer.cursor === "" ? undefined : answer.cursor;
      if (answer.end === true) return ENDED;
      known = place.cursor === undefined ? {} : { "if-none-match": `"${place.cursor}"` };
    }
    opened();
    await pause(isHidden() ? Math.max(pollMs, HIDDEN_MS) : pollMs, signal);
    signal.throwIfAborted();
  }
}
