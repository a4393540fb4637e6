import assert from "node:assert/strict";

import type {
  Broker,
  DeadLetterBounds,
  DeadLetterStore,
  Death,
  Delivery,
  EncodedMessage,
} from "../../tasks/index.ts";

/** What a broker under test is made with. */
export interface DeadLettersCaseOptions {
  /** The time in milliseconds. */
  readonly now?: (() => number) | undefined;
  readonly deadLetters?: DeadLetterBounds | undefined;
}

/** Makes a broker that keeps dead letters, empty. */
export type MakeLetterBroker = (options?: DeadLettersCaseOptions) => Broker | Promise<Broker>;

/** One sentence of the contract, and how to see that it holds. */
export interface DeadLettersCase {
  readonly name: string;
  /** Whether it moves the clock: a broker whose server keeps the time cannot be tested with it. */
  readonly movesClock?: true | undefined;
  readonly run: (make: MakeLetterBroker) => Promise<void>;
}

/**
 * The contract of {@link DeadLetterStore}, case by case, free of any test runner.
 *
 * @example
 * for (const { name, run } of deadLettersCases) test(name, () => run((options) => new MyBroker(options)));
 */
export const deadLettersCases: readonly DeadLettersCase[] = [
  {
    name: "keeps a message whole, and ends its delivery",
    async run(make) {
      await using broker = await make();
      const letters = lettersOf(broker);
      const sent = message("one", {
        body: new TextEncoder().encode("no JSON: é 🙂"),
        contentType: "application/x-unknown",
        headers: { task: "t", id: "one", extra: { deep: [null, 1.5, "é"] } },
      });
      await broker.publish("mail", sent);
      const delivery = await takeOne(broker, "mail");
      assert.equal(await letters.bury(delivery, death({ task: null, reason: "unreadable" })), true);
      assert.deepEqual(await letters.get("one"), {
        id: "one",
        queue: "mail",
        ...death({ task: null, reason: "unreadable" }),
        runs: 1,
        lostLeases: 0,
        message: sent,
      });
      assert.deepEqual(await broker.renew([delivery], 1_000), [delivery]);
      assert.equal(await broker.acknowledge(delivery), false);
      assert.deepEqual(await take(broker, "mail"), []);
    },
  },
  {
    name: "keeps nothing for who has lost the lease",
    movesClock: true,
    async run(make) {
      let time = Date.now();
      await using broker = await make({ now: () => time });
      const letters = lettersOf(broker);
      await broker.publish("celery", message("one"));
      const first = await takeOne(broker);
      time += 10_001;
      await broker.reclaim();
      const second = await takeOne(broker);
      assert.equal(await letters.bury(first, death()), false);
      assert.equal(await letters.get("one"), null);
      assert.equal(await letters.bury(second, death()), true);
      const letter = await letters.get("one");
      assert.deepEqual([letter?.runs, letter?.lostLeases], [2, 1]);
    },
  },
  {
    name: "reads page by page, the oldest first, while letters are removed",
    async run(make) {
      await using broker = await make();
      const letters = lettersOf(broker);
      assert.deepEqual(await letters.read({ limit: 2 }), { letters: [], next: null });
      // At the same time, so that only their order tells them apart.
      const names = ["e", "d", "c", "b", "a"];
      for (const id of names) await bury(broker, id);
      const first = await letters.read({ limit: 2 });
      assert.deepEqual(ids(first.letters), ["e", "d"]);
      await letters.remove("d");
      const second = await letters.read({ limit: 2, after: first.next ?? "" });
      assert.deepEqual(ids(second.letters), ["c", "b"]);
      const third = await letters.read({ limit: 2, after: second.next ?? "" });
      assert.deepEqual([ids(third.letters), third.next], [["a"], null]);
      assert.deepEqual(ids((await letters.read({ limit: 4 })).letters), ["e", "c", "b", "a"]);
    },
  },
  {
    name: "refuses a place that cannot have come from a page",
    async run(make) {
      await using broker = await make();
      const reading = lettersOf(broker).read({ limit: 1, after: "nonsense" });
      await assert.rejects(reading, { code: "OPTION_INVALID" });
      assert.deepEqual(await lettersOf(broker).read({ limit: 1, after: "" }), {
        letters: [],
        next: null,
      });
    },
  },
  {
    name: "removes a letter, and says whether there was one",
    async run(make) {
      await using broker = await make();
      const letters = lettersOf(broker);
      await bury(broker, "one");
      assert.equal(await letters.count(), 1);
      assert.equal(await letters.remove("one"), true);
      assert.equal(await letters.remove("one"), false);
      assert.deepEqual([await letters.count(), await letters.get("one")], [0, null]);
    },
  },
  {
    name: "lets a letter take the place of an older one of its id, as the youngest",
    async run(make) {
      await using broker = await make();
      const letters = lettersOf(broker);
      for (const id of ["one", "two"]) await bury(broker, id);
      await bury(broker, "one", { reason: "failed" });
      const { letters: found } = await letters.read({ limit: 9 });
      assert.deepEqual(ids(found), ["two", "one"]);
      assert.equal(found[1]?.reason, "failed");
      assert.equal(await letters.count(), 2);
    },
  },
  {
    name: "keeps no more than its bound: the oldest go",
    async run(make) {
      await using broker = await make({ deadLetters: { maxCount: 3 } });
      const letters = lettersOf(broker);
      for (const id of ["a", "b", "c", "d", "e"]) await bury(broker, id);
      assert.deepEqual(ids((await letters.read({ limit: 9 })).letters), ["c", "d", "e"]);
      assert.equal(await letters.get("a"), null);
    },
  },
  {
    name: "keeps as many as its bound when many die at once",
    async run(make) {
      await using broker = await make({ deadLetters: { maxCount: 5 } });
      const letters = lettersOf(broker);
      for (let n = 0; n < 20; n++) await broker.publish("celery", message(`one of many ${n}`));
      const request = { queues: ["celery"], limit: 20, leaseMs: 10_000 };
      const deliveries: Delivery[] = [];
      while (deliveries.length < 20) deliveries.push(...(await broker.take(request)));
      await Promise.all(deliveries.map((delivery) => letters.bury(delivery, death())));
      assert.equal(await letters.count(), 5);
    },
  },
  {
    name: "drops what is too old, and nothing else",
    movesClock: true,
    async run(make) {
      const time = 2_000_000_000_000;
      await using broker = await make({ now: () => time, deadLetters: { maxAgeMs: 60_000 } });
      const letters = lettersOf(broker);
      await bury(broker, "old", { diedAt: time - 60_001 });
      await bury(broker, "young", { diedAt: time - 59_000 });
      assert.equal(await letters.expire?.(), 1);
      assert.equal(await letters.expire?.(), 0);
      assert.deepEqual(ids((await letters.read({ limit: 9 })).letters), ["young"]);
    },
  },
];

async function bury(broker: Broker, id: string, part: Partial<Death> = {}): Promise<void> {
  await broker.publish("celery", message(id));
  assert.equal(await lettersOf(broker).bury(await takeOne(broker), death(part)), true);
}

function lettersOf({ deadLetters }: Broker): DeadLetterStore {
  assert.ok(deadLetters, "expected the broker to keep dead letters");
  return deadLetters;
}

function death(part: Partial<Death> = {}): Death {
  return {
    task: "t",
    reason: "poisoned",
    error: { type: "TASK_WORKER_LOST", message: 'é "quoted"\nsecond line' },
    diedAt: 1_795_208_508_829,
    ...part,
  };
}

function message(id: string, part: Partial<EncodedMessage> = {}): EncodedMessage {
  return {
    id,
    headers: { task: "t", id },
    body: new TextEncoder().encode("[[], {}, {}]"),
    contentType: "application/json",
    contentEncoding: "utf-8",
    properties: { correlationId: id, deliveryMode: 2, priority: 0 },
    ...part,
  };
}

function take(broker: Broker, queue = "celery"): Promise<readonly Delivery[]> {
  return broker.take({ queues: [queue], limit: 1, leaseMs: 10_000 });
}

async function takeOne(broker: Broker, queue?: string): Promise<Delivery> {
  const [delivery] = await take(broker, queue);
  assert.ok(delivery, "expected a message to be there");
  return delivery;
}

function ids(found: readonly { readonly id: string }[]): readonly string[] {
  return found.map(({ id }) => id);
}
