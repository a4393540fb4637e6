import { Interruption } from "../interruption.ts";
import { withParameter } from "../resolve-url.ts";
import type { Closing } from "../status.ts";
import { framesOf, readAnswer } from "./read-answer.ts";
import { request } from "./request.ts";
import { ENDED, type TransportRequest } from "./transport.ts";

/** Below the half minute after which some proxies give up. */
const WAIT_MS = 25_000;
/** What the network may add to the wait. */
const GRACE_MS = 15_000;

/**
 * Hears a feed or a consumer by requests that the server answers when there is something to tell.
 *
 * The cursor of a request acknowledges everything before it. A server that answers "nothing" without
 * having waited is left alone for a while, so that the two do not run in circles.
 */
export async function* followLongPoll({
  url,
  place,
  token,
  signal,
  traffic,
  opened,
}: TransportRequest): AsyncGenerator<unknown, Closing> {
  // The first answer comes at once, whatever it holds: it says that the server is there.
  let waitMs = 0;
  for (;;) {
    const begunAt = Date.now();
    const response = await request(withParameter(url, "cursor", place.cursor), {
      headers: { accept: "application/json", prefer: `wait=${waitMs / 1000}` },
      token,
      signal,
      traffic,
      patience: { ms: waitMs + GRACE_MS },
    });
    const answer = await readAnswer(response, traffic);
    opened();
    yield* framesOf(answer);
    place.cursor = answer.cursor === "" ? undefined : answer.cursor;
    if (answer.end === true) return ENDED;
    if (answer.events.length === 0 && Date.now() - begunAt < waitMs / 2) {
      throw new Interruption("the server did not wait");
    }
    waitMs = WAIT_MS;
  }
}
