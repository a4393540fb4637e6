import { describe, expect, test } from "vitest";

import { chooseMediaType } from "./accept.ts";

const SSE = "text/event-stream";
const NDJSON = "application/x-ndjson";
const JSON_TYPE = "application/json";

describe("chooseMediaType (PROTOCOL.md 3.2)", () => {
  test.each([
    ["without the header", null, JSON_TYPE],
    ["an empty header", " ", JSON_TYPE],
    ["curl", "*/*", JSON_TYPE],
    ["an EventSource", SSE, SSE],
    ["lines of JSON", NDJSON, NDJSON],
    ["any case, with parameters", "Text/Event-Stream; charset=utf-8", SSE],
    ["a browser's page", "text/html,application/xml;q=0.9,*/*;q=0.8", JSON_TYPE],
    ["the higher quality", `${SSE};q=0.4, ${NDJSON};q=0.9, ${JSON_TYPE};q=0.8`, NDJSON],
    ["the closer one of two equal ones", `*/*, ${SSE}`, SSE],
    ["the first of two equal ones", `${SSE}, ${JSON_TYPE}`, SSE],
    ["the first of two equal ones, in the other order", `${JSON_TYPE}, ${SSE}`, JSON_TYPE],
    ["the specific range over the general one", `${JSON_TYPE};q=0.1, */*;q=0.5`, SSE],
    ["a kind", "text/*", SSE],
    ["another kind", "application/*", JSON_TYPE],
    ["a type that is not wanted, and the rest", `${JSON_TYPE};q=0, */*;q=0.1`, SSE],
    ["weights with many digits", `${SSE};q=0.001, ${NDJSON};q=0.002`, NDJSON],
    ["a malformed range beside a good one", `json, ${SSE};q=high, ${NDJSON};q=0.1`, NDJSON],
  ])("chooses for %s", (_, header, expected) => {
    expect(chooseMediaType(header)).toBe(expected);
  });

  test.each(["text/html", `${JSON_TYPE};q=0`, "*/*;q=0", "json", ",", "*/json", `${SSE};q=2`])(
    "finds nothing acceptable in `%s`",
    (header) => {
      expect(chooseMediaType(header)).toBeUndefined();
    },
  );

  test("reads a long hostile header quickly", () => {
    const before = process.cpuUsage();
    for (const part of ["a", "a/", "a/b;", ";q=", " ", "a/b,", "*/*;q=0.000,"]) {
      chooseMediaType(part.repeat(16_384 / part.length));
    }
    // Of this process: what else the machine does takes none of it.
    const { user, system } = process.cpuUsage(before);
    expect(user + system).toBeLessThan(500_000);
  });
});
