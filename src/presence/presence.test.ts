import { describe, expect, onTestFinished, test, vi } from "vitest";

import { MemoryLayer, type LayerMessage } from "../layers/index.ts";
import { MemoryPresence } from "./memory.ts";
import { Presence, type PresenceChange, type TrackedConnection } from "./presence.ts";

/** Two processes on one layer that share who is there. */
async function startTwo() {
  const layer = new MemoryLayer();
  const shared = new MemoryPresence();
  const options = { store: shared, layer, graceMs: 60, sweepMs: 5 };
  const [first, second] = [new Presence(options), new Presence(options)];
  onTestFinished(() => first.close());
  const told: string[] = [];
  const tell = ({ kind, member, count }: PresenceChange): void =>
    void told.push(`${kind} ${member.key} ${count}`);
  first.onChange(tell);
  second.onChange(tell);
  const heard: LayerMessage[] = [];
  const channel = await layer.newChannel();
  layer.listen(channel, (message) => heard.push(message) > 0);
  await layer.groupAdd("presence.room", channel);
  return { first, second, told, heard };
}

let connections = 0;

function connect(name: string | null) {
  const end = new AbortController();
  const connection: TrackedConnection = {
    channelName: `channel${connections++}`,
    signal: end.signal,
    user: name === null ? null : { name },
  };
  return { connection, end: () => end.abort() };
}

describe("presence", () => {
  test("tells of who comes and goes once, whichever process notices", async () => {
    const { first, second, told, heard } = await startTwo();
    const ada = connect("ada");
    await first.track(ada.connection, "room", { mood: "glad" });
    await second.track(connect("bob").connection, "room");
    expect(told).toEqual(["joined name:ada 1", "joined name:bob 2"]);
    expect(await second.read("room")).toMatchObject({
      count: 2,
      members: [
        { key: "name:ada", data: { mood: "glad" } },
        { key: "name:bob", data: null },
      ],
    });
    ada.end();
    await expect.poll(() => told.slice(2)).toEqual(["left name:ada 1"]);
    expect(heard.map(({ type, kind, count }) => [type, kind, count])).toEqual([
      ["presence.changed", "joined", 1],
      ["presence.changed", "joined", 2],
      ["presence.changed", "left", 1],
    ]);
  });

  test("makes no noise for a blink, a second tab, or what is known", async () => {
    const { first, second, told } = await startTwo();
    const ada = connect("ada");
    await first.track(ada.connection, "room", 4);
    await first.track(ada.connection, "room", 4);
    const tab = connect("ada");
    await second.track(tab.connection, "room", 4);
    ada.end();
    tab.end();
    await first.track(connect("ada").connection, "room", 4);
    const bob = connect("bob");
    await first.track(bob.connection, "room");
    bob.end();
    // Bob went after Ada: who was to leave before him would have left.
    await expect.poll(() => told).toContain("left name:bob 1");
    expect(told).toEqual(["joined name:ada 1", "joined name:bob 2", "left name:bob 1"]);
    expect((await first.read("room")).members).toMatchObject([{ key: "name:ada", data: 4 }]);
  });

  test("tells what somebody says of themselves now", async () => {
    const { first, second, told, heard } = await startTwo();
    const ada = connect("ada");
    await first.track(ada.connection, "room", { mood: "glad" });
    await first.track(ada.connection, "room", { mood: "sad" });
    await second.track(connect("ada").connection, "room", { mood: "gone" });
    expect(told).toEqual(["joined name:ada 1", "updated name:ada 1", "updated name:ada 1"]);
    expect(heard).toMatchObject([
      { kind: "joined", member: expect.stringContaining('"glad"') },
      { kind: "updated", member: expect.stringContaining('"sad"') },
      { kind: "updated", member: expect.stringContaining('"gone"') },
    ]);
  });

  test("takes each connection without a user for somebody else, and forgets one that has ended", async () => {
    const { first, told } = await startTwo();
    await first.track(connect(null).connection, "room");
    await first.track(connect(null).connection, "room");
    expect((await first.read("room")).count).toBe(2);
    const gone = connect("ada");
    gone.end();
    await first.track(gone.connection, "room");
    expect((await first.read("room")).count).toBe(2);
    const untracked = connect("bob");
    await first.track(untracked.connection, "room");
    await first.untrack(untracked.connection, "room");
    await expect.poll(() => told.at(-1)).toBe("left name:bob 2");
  });

  test("refuses a group whose name is none, or too long to be told of", async () => {
    const { first } = await startTwo();
    const { connection } = connect("ada");
    for (const name of ["no room", "r".repeat(91), ""]) {
      await expect(first.track(connection, name)).rejects.toMatchObject({
        code: "LAYER_INVALID_NAME",
      });
    }
  });

  test("refuses data that is too large for everybody to be told of", async () => {
    const { first, told } = await startTwo();
    const { connection } = connect("ada");
    await first.track(connection, "room", "x".repeat(8_190));
    await expect(first.track(connection, "room", "x".repeat(8_191))).rejects.toMatchObject({
      code: "MESSAGE_TOO_LARGE",
    });
    expect(told).toEqual(["joined name:ada 1"]);
  });

  test("lets everybody of a process leave that closes, and enter anew after a lapse", async () => {
    const layer = new MemoryLayer();
    class Lapsing extends MemoryPresence {
      isLapsed = false;
      override async renew(): Promise<boolean> {
        return !this.isLapsed;
      }
    }
    const store = new Lapsing();
    const enter = vi.spyOn(store, "enter");
    const leave = vi.spyOn(store, "leave");
    const presence = new Presence({ store, layer, leaseMs: 15, graceMs: 0 });
    await presence.track(connect("ada").connection, "room", "data");
    store.isLapsed = true;
    await expect.poll(() => enter.mock.calls.length).toBeGreaterThan(1);
    expect(enter.mock.calls.at(-1)).toEqual([
      expect.objectContaining({ key: "name:ada" }),
      "data",
      15,
    ]);
    await presence.close();
    expect(leave).toHaveBeenCalledTimes(1);
  });
});
