import { createParser } from "eventsource-parser";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import { SseParser, type SseMessage } from "./sse-parser.ts";
import { formatSseComment, formatSseEvent } from "./sse.ts";

/** Cuts a text where the numbers say. */
function cut(text: string, lengths: readonly number[]): readonly string[] {
  const parts: string[] = [];
  let from = 0;
  for (const length of [...lengths, text.length]) {
    parts.push(text.slice(from, from + length));
    from += length;
  }
  return parts;
}

/** What the peer's parser makes of a stream, as ours tells it: an id holds until another comes. */
function readWithPeer(parts: readonly string[]): readonly SseMessage[] {
  const messages: SseMessage[] = [];
  let lastId = "";
  const parser = createParser({
    onId: (id) => void (lastId = id),
    onEvent: ({ event: type = "message", data }) =>
      void messages.push({ id: lastId, event: type, data }),
  });
  for (const part of parts) parser.feed(part);
  return messages;
}

const text = fc.string({ unit: fc.constantFrom("\r", "\n", " ", ":", "\uFEFF", "a", "data", "é") });
const event = fc.record({
  id: fc.string({ minLength: 1, unit: fc.constantFrom("a", "1", " ", ":", "é") }),
  event: fc.constantFrom(undefined, "close", "a b"),
  data: text,
});

describe("the event streams of this server", () => {
  test("are read by eventsource-parser as they were written, wherever they are cut", () => {
    fc.assert(
      fc.property(fc.array(event), fc.array(fc.nat(20)), (events, lengths) => {
        const stream = events.map((each) => formatSseComment("life") + formatSseEvent(each));
        expect(readWithPeer(cut(stream.join(""), lengths))).toEqual(
          events.map(({ id, event: type = "message", data }) => ({
            id,
            event: type,
            data: data.replace(/\r\n?/g, "\n"),
          })),
        );
      }),
      { numRuns: 300 },
    );
  });
});

describe("the parser of event streams", () => {
  const line = fc
    .tuple(
      fc.constantFrom("data", "id", "event", "retry", "other", "", "data "),
      fc.constantFrom(":", ": ", ":  ", ""),
      fc.constantFrom("", "a", "1", "é", ":"),
    )
    .map((parts) => parts.join(""));
  const lines = fc.array(fc.tuple(line, fc.constantFrom("\n", "\r\n", "\n\n", "\r\n\r\n")));

  test("reads what eventsource-parser reads, from whatever lines and wherever they are cut", () => {
    fc.assert(
      fc.property(lines, fc.array(fc.nat(20)), (written, lengths) => {
        const parts = cut(written.flat().join(""), lengths);
        const parser = new SseParser();
        const encoder = new TextEncoder();
        const read = parts.flatMap((part) => [...parser.push(encoder.encode(part))]);
        expect(read).toEqual(readWithPeer(parts));
      }),
      { numRuns: 1_000 },
    );
  });
});
