import { expect, onTestFinished, test } from "vitest";

import { FeedSources } from "../channels/index.ts";
import { silentLogger } from "../core/logger.ts";
import { MemoryLayer } from "../layers/index.ts";
import { MemoryPresence } from "./memory.ts";
import { presenceFeed, type PresenceEvent } from "./presence-feed.ts";
import { MAX_LISTED } from "./presence-store.ts";
import { Presence } from "./presence.ts";

/** Somebody who keeps a list of who is there by what the feed tells, as a page does. */
async function watch() {
  const layer = new MemoryLayer();
  const presence = new Presence({ store: new MemoryPresence(), layer, sweepMs: 2 });
  const sources = new FeedSources({ getLayer: () => layer, logger: silentLogger });
  onTestFinished(async () => {
    sources.stop();
    await presence.close();
  });
  const people = new Map<string, unknown>();
  const kinds: string[] = [];
  const tell = (event: PresenceEvent): void => {
    kinds.push(event.kind);
    if (event.kind === "count") return people.clear();
    if (event.kind === "left") return void people.delete(event.member.key);
    if (event.kind !== "state") return void people.set(event.member.key, event.member.data);
    people.clear();
    for (const { key, data } of event.members ?? []) people.set(key, data);
  };
  const definition = presenceFeed({ presence }, { path: "/people", group: "room" });
  await sources.get(definition, {}).follow({
    deliver: ({ data }) => tell(JSON.parse(JSON.stringify(data))),
    end() {},
  });
  const enter = (n: number, data: unknown = null): Promise<void> =>
    presence.enter({ group: "room", key: `id:${n}`, session: `s${n}` }, data);
  const leave = (n: number): Promise<void> =>
    presence.leave({ group: "room", key: `id:${n}`, session: `s${n}` }, 0);
  return { people, kinds, enter, leave };
}

test("a page is told who comes, what they say now, and who goes", async () => {
  const { people, kinds, enter, leave } = await watch();
  await enter(1, "glad");
  await expect.poll(() => [...people]).toEqual([["id:1", "glad"]]);
  await enter(1, "sad");
  await expect.poll(() => [...people]).toEqual([["id:1", "sad"]]);
  await leave(1);
  await expect.poll(() => people.size).toBe(0);
  expect(kinds).toEqual(["state", "joined", "updated", "left"]);
});

test("a page knows who is there again when a large group has become small", async () => {
  const { people, kinds, enter, leave } = await watch();
  for (let n = 0; n < MAX_LISTED + 10; n++) await enter(n);
  await expect.poll(() => kinds.at(-1)).toBe("count");
  for (let n = 0; n < 20; n++) await leave(n);
  await expect.poll(() => kinds.at(-1)).toBe("left");
  const expected = Array.from({ length: MAX_LISTED - 10 }, (_, index) => `id:${index + 20}`);
  await expect.poll(() => [...people.keys()].toSorted()).toEqual(expected.toSorted());
});
