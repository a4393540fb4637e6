import { TidingsError } from "../../core/errors.ts";
import { isPollAnswer, type PollAnswer } from "../../protocol/index.ts";
import type { Traffic } from "../traffic.ts";
import { readJson } from "./read-body.ts";

/** The frames of an answer; of a consumer's, first the connection that it is about, and last its close. */
export function* framesOf(answer: PollAnswer): Generator<unknown, void> {
  const { cursor, events, end: _, close, ...hello } = answer;
  if (Object.keys(hello).length > 0) yield hello;
  yield* events;
  if (close) yield { cursor, close };
}

/**
 * Reads the answer to a poll.
 *
 * @throws {TidingsError} CLIENT_PROTOCOL when it is none, MESSAGE_TOO_LARGE beyond 16 MiB.
 */
export async function readAnswer(
  response: Response,
  traffic: Traffic | undefined,
): Promise<PollAnswer> {
  const answer = await readJson(response, traffic);
  if (isPollAnswer(answer)) return answer;
  throw new TidingsError("CLIENT_PROTOCOL", "expected a cursor and events");
}
