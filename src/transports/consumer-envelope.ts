import type { Outcome } from "../channels/index.ts";
import type { MessageId } from "../protocol/index.ts";

/** What became of a message, as JSON (PROTOCOL.md 9.6). */
export function formatAnswer(ack: MessageId | undefined, outcome: Outcome): string {
  if ("problem" in outcome) return JSON.stringify({ ack, error: outcome.problem });
  const start = `{"ack":${JSON.stringify(ack)}`;
  return outcome.json === undefined ? `${start}}` : `${start},"data":${outcome.json}}`;
}
