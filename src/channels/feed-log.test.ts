import { describe, expect, test } from "vitest";

import { FeedLog } from "./feed-log.ts";

const data = (events: readonly { readonly data: unknown }[] | undefined): unknown =>
  events?.map((event) => event.data);

describe("FeedLog", () => {
  test("returns what came after a cursor, and nothing when nothing did", () => {
    const log = new FeedLog(10);
    const start = log.cursor;
    const first = log.append("a", false);
    log.append("b", false);
    expect(data(log.since(start))).toEqual(["a", "b"]);
    expect(data(log.since(first.cursor))).toEqual(["b"]);
    expect(log.since(log.cursor)).toEqual([]);
  });

  test("does not guess for a cursor of another log, of the future, or older than it keeps", () => {
    const log = new FeedLog(2);
    const start = log.cursor;
    const future = log.cursor.replace(/0$/, "9");
    for (const text of ["a", "b", "c"]) log.append(text, false);
    const other = new FeedLog(9);
    for (const text of ["x", "y"]) other.append(text, false);
    expect(other.offset).toBeLessThan(log.offset);
    expect(log.since(other.cursor)).toBeUndefined();
    expect(log.since(future)).toBeUndefined();
    expect(log.since(start)).toBeUndefined();
    expect(log.since("junk")).toBeUndefined();
  });

  test("gives a newcomer the state and what came after it, as long as it leads up to now", () => {
    const log = new FeedLog(2);
    expect(log.state()).toBeUndefined();
    log.append("a", false);
    log.setState("state", log.offset);
    log.append("b", false);
    log.append("c", false);
    expect(data(log.state())).toEqual(["state", "b", "c"]);
    log.append("d", false);
    expect(log.state()).toBeUndefined();
    log.append("all", true);
    expect(data(log.state())).toEqual(["all"]);
  });
});
