import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";

import type { GroupHistory, HistoryEntry, HistoryListener, Recovery } from "../../history/index.ts";

/** Opens the history under test, on a store that is empty when a case begins. */
export type OpenHistory = () => GroupHistory | Promise<GroupHistory>;

/** One sentence of the contract, and how to see that it holds. */
export interface HistoryCase {
  readonly name: string;
  readonly run: (open: OpenHistory) => Promise<void>;
}

const ROOM = "room";

/**
 * The contract of {@link GroupHistory}, case by case, free of any test runner.
 *
 * @example
 * for (const { name, run } of historyCases) test(name, () => run(() => new MyHistory()));
 */
export const historyCases: readonly HistoryCase[] = [
  {
    name: "begins with an epoch of 8 URL-safe characters and the offset 0, and counts up by one",
    async run(open) {
      await using history = await open();
      const start = await history.position(ROOM);
      assert.match(start.epoch, /^[\w-]{8}$/);
      assert.equal(start.offset, 0);
      assert.deepEqual(await history.position(ROOM), start);
      for (const offset of [1, 2, 3]) {
        assert.deepEqual(await history.append(ROOM, say(offset)), { ...start, offset });
      }
      assert.deepEqual(await history.position(ROOM), { ...start, offset: 3 });
    },
  },
  {
    name: "gives every group an epoch, offsets and entries of its own",
    async run(open) {
      await using history = await open();
      const first = await history.append(ROOM, say(1));
      const other = await history.append("other", say(2));
      assert.notEqual(first.epoch, other.epoch);
      assert.equal(other.offset, 1);
      assert.deepEqual(numbersOf(await history.since("other", { ...other, offset: 0 })), [2]);
    },
  },
  {
    name: "returns all that came after a position, in order, and where that leads to",
    async run(open) {
      await using history = await open();
      const start = await history.position(ROOM);
      for (const number of [1, 2, 3]) await history.append(ROOM, say(number));
      const all = await history.since(ROOM, start);
      assert.deepEqual(numbersOf(all), [1, 2, 3]);
      assert.deepEqual(all.position, { ...start, offset: 3 });
      assert.deepEqual(numbersOf(await history.since(ROOM, { ...start, offset: 2 })), [3]);
      assert.deepEqual(numbersOf(await history.since(ROOM, all.position)), []);
    },
  },
  {
    name: "keeps messages as they are, and nobody can change them",
    async run(open) {
      await using history = await open();
      const start = await history.position(ROOM);
      const fields = { text: "é 🙂 \0", list: [1, -2.5, null, true], big: 2n ** 60n };
      const message = { type: "chat", ...fields, bytes: Uint8Array.of(0, 255), none: undefined };
      await history.append(ROOM, message);
      message.list.push(2);
      const [entry] = entriesOf(await history.since(ROOM, start));
      const { list, ...others } = fields;
      const kept = { type: "chat", ...others, list: list.slice(0, 4) };
      assert.deepEqual({ ...entry?.message, bytes: undefined }, { ...kept, bytes: undefined });
      const bytes = entry?.message["bytes"];
      assert.deepEqual(bytes instanceof Uint8Array && [...bytes], [0, 255]);
      assert.ok(Object.isFrozen(entry?.message) && Object.isFrozen(entry?.message["list"]));
    },
  },
  {
    name: "says that the epoch has changed for a position of another one, or of the future",
    async run(open) {
      await using history = await open();
      const position = await history.append(ROOM, say(1));
      const strange = { epoch: "another1", offset: 1 };
      const reset = { kind: "reset", reason: "epoch-changed", position };
      assert.deepEqual(await history.since(ROOM, strange), reset);
      assert.deepEqual(await history.since(ROOM, { ...position, offset: 2 }), reset);
    },
  },
  {
    name: "keeps `size` messages, and says what is evicted instead of returning a part",
    async run(open) {
      await using history = await open();
      const start = await history.position(ROOM);
      for (const number of [1, 2, 3, 4, 5]) {
        await history.append(ROOM, say(number), { size: 3 });
      }
      const position = { ...start, offset: 5 };
      const kept = await history.since(ROOM, { ...start, offset: 2 });
      assert.deepEqual(numbersOf(kept), [3, 4, 5]);
      const reset = { kind: "reset", reason: "evicted", position };
      assert.deepEqual(await history.since(ROOM, { ...start, offset: 1 }), reset);
      assert.deepEqual(await history.since(ROOM, start), reset);
    },
  },
  {
    name: "says that a position is too far when more is missed than was asked for",
    async run(open) {
      await using history = await open();
      const start = await history.position(ROOM);
      for (const number of [1, 2, 3]) await history.append(ROOM, say(number));
      assert.deepEqual(numbersOf(await history.since(ROOM, start, 3)), [1, 2, 3]);
      const position = { ...start, offset: 3 };
      const reset = { kind: "reset", reason: "too-far", position };
      assert.deepEqual(await history.since(ROOM, start, 2), reset);
    },
  },
  {
    name: "drops messages when they are too old, but never starts to count again",
    async run(open) {
      await using history = await open();
      const bounds = { ageMs: 150 };
      const start = await history.position(ROOM);
      await history.append(ROOM, say(1), bounds);
      const second = await history.append(ROOM, say(2), bounds);
      await eventually(async () => (await history.since(ROOM, start)).kind === "reset");
      const gone = await history.since(ROOM, start);
      assert.equal(gone.kind === "reset" && gone.reason, "evicted");
      assert.deepEqual(numbersOf(await history.since(ROOM, second)), []);
      const third = await history.append(ROOM, say(3), bounds);
      assert.deepEqual(third, { ...second, offset: 3 });
      assert.equal((await history.since(ROOM, start)).kind, "reset");
      assert.deepEqual(numbersOf(await history.since(ROOM, second)), [3]);
    },
  },
  {
    name: "hands what is appended to every listener of the group, in order and once",
    async run(open) {
      await using history = await open();
      await using elsewhere = await open();
      const heard = new Heard();
      const later = new Heard();
      const unlisten = await history.listen(ROOM, heard);
      await history.listen(ROOM, later);
      const first = await history.append(ROOM, say(1));
      await elsewhere.append("other", say(0));
      await elsewhere.append(ROOM, say(2));
      await history.append(ROOM, say(3));
      await eventually(() => heard.numbers.length === 3 && later.numbers.length === 3);
      assert.deepEqual(heard.numbers, [1, 2, 3]);
      assert.deepEqual(heard.entries[0]?.position, first);
      assert.deepEqual(
        heard.entries.map(({ position }) => position.offset),
        [1, 2, 3],
      );
      assert.equal(heard.entries[1]?.message, later.entries[1]?.message);
      unlisten();
      await history.append(ROOM, say(4));
      await eventually(() => later.numbers.length === 4);
      assert.equal(heard.numbers.length, 3);
    },
  },
  {
    name: "gives no offset twice to those who append at the same time",
    async run(open) {
      await using history = await open();
      await using elsewhere = await open();
      const start = await history.position(ROOM);
      const positions = await Promise.all(
        Array.from({ length: 50 }, (_, number) =>
          (number % 2 ? history : elsewhere).append(ROOM, say(number)),
        ),
      );
      const offsets = positions.map(({ offset }) => offset).toSorted((a, b) => a - b);
      assert.deepEqual(
        offsets,
        Array.from({ length: 50 }, (_, index) => index + 1),
      );
      const recovered = await elsewhere.since(ROOM, start);
      for (const { position, message } of entriesOf(recovered)) {
        assert.equal(positions[Number(message["number"])]?.offset, position.offset);
      }
    },
  },
  {
    name: "refuses names, messages and bounds that are none",
    async run(open) {
      await using history = await open();
      const code = (expected: string) => (error: unknown) =>
        Error.isError(error) && "code" in error && error.code === expected;
      const invalidName = code("LAYER_INVALID_NAME");
      await assert.rejects(history.append("a room", say(1)), invalidName);
      await assert.rejects(history.position(""), invalidName);
      await assert.rejects(history.listen("a!b", new Heard()), invalidName);
      const message = { type: "x", when: new Date(0) };
      await assert.rejects(history.append(ROOM, message), code("LAYER_INVALID_MESSAGE"));
      for (const bounds of [{ size: 0 }, { size: 10_001 }, { ageMs: 0 }, { ageMs: 86_400_001 }]) {
        await assert.rejects(history.append(ROOM, say(1), bounds), code("OPTION_INVALID"));
      }
      assert.equal((await history.position(ROOM)).offset, 0);
    },
  },
  {
    name: "throws HISTORY_CLOSED after close",
    async run(open) {
      const history = await open();
      const position = await history.append(ROOM, say(1));
      await history.close();
      const closed = { code: "HISTORY_CLOSED" };
      await assert.rejects(history.append(ROOM, say(1)), closed);
      await assert.rejects(history.position(ROOM), closed);
      await assert.rejects(history.since(ROOM, position), closed);
      await assert.rejects(history.listen(ROOM, new Heard()), closed);
      await history.close();
    },
  },
];

/** Keeps what it hears. */
class Heard implements HistoryListener {
  readonly entries: HistoryEntry[] = [];

  get numbers(): readonly unknown[] {
    return this.entries.map(({ message }) => message["number"]);
  }

  onEntry(entry: HistoryEntry): void {
    this.entries.push(entry);
  }

  onGap(): void {
    assert.fail("nothing was cut off");
  }
}

function say(number: number): { readonly type: string; readonly number: number } {
  return { type: "chat.message", number };
}

function entriesOf(recovery: Recovery): readonly HistoryEntry[] {
  assert.equal(recovery.kind, "recovered");
  return recovery.kind === "recovered" ? recovery.entries : [];
}

function numbersOf(recovery: Recovery): readonly unknown[] {
  return entriesOf(recovery).map(({ message }) => message["number"]);
}

async function eventually(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  const limit = Date.now() + 5_000;
  while (!(await isTrue())) {
    assert.ok(Date.now() < limit, "expected this within 5 s");
    await setTimeout(5);
  }
}
