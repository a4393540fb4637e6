import assert from "node:assert/strict";

import type {
  Broker,
  Delivery,
  EncodedMessage,
  TakeRequest,
  WaitingTask,
} from "../../tasks/index.ts";

/** What a broker under test is made with: a clock that the case moves. */
export interface BrokerCaseOptions {
  /** The time in milliseconds. */
  readonly now?: (() => number) | undefined;
}

/** Makes the broker under test, empty. */
export type MakeBroker = (options?: BrokerCaseOptions) => Broker | Promise<Broker>;

/** One sentence of the contract, and how to see that it holds. */
export interface BrokerCase {
  readonly name: string;
  /** Whether it moves the clock: a broker whose server keeps the time cannot be tested with it. */
  readonly movesClock?: true | undefined;
  readonly run: (make: MakeBroker) => Promise<void>;
}

/**
 * The contract of {@link Broker}, case by case, free of any test runner.
 *
 * @example
 * for (const { name, run } of brokerCases) test(name, () => run(() => new MyBroker()));
 */
export const brokerCases: readonly BrokerCase[] = [
  {
    name: "hands out what was published, equal and leased once",
    async run(make) {
      await using broker = await make();
      const sent = message("one", { body: toBytes('["é 🙂", {"deep": [null, 1.5]}]') });
      assert.equal(await broker.publish("celery", sent), true);
      const [delivery] = await take(broker);
      assert.ok(delivery);
      // A driver may note more on it than others need.
      const { id, queue, message: taken, runs, lostLeases, cancelled } = delivery;
      assert.deepEqual([id, queue, runs, lostLeases, cancelled], ["one", "celery", 1, 0, false]);
      assert.deepEqual(taken, sent);
      assert.deepEqual(await take(broker), []);
    },
  },
  {
    name: "hands out no more than asked for, in the order in which messages became due",
    movesClock: true,
    async run(make) {
      const clock = makeClock();
      await using broker = await make(clock);
      await broker.publish("celery", message("late"), clock.now() + 200);
      await broker.publish("celery", message("early"), clock.now() + 100);
      assert.deepEqual(await take(broker), []);
      for (const id of ["a", "b", "c"]) await broker.publish("celery", message(id));
      clock.move(300);
      assert.deepEqual(ids(await take(broker, { limit: 2 })), ["a", "b"]);
      assert.deepEqual(ids(await take(broker, { limit: 9 })), ["c", "early", "late"]);
    },
  },
  {
    name: "hands nothing out before it is due, and says when that is",
    movesClock: true,
    async run(make) {
      const clock = makeClock();
      await using broker = await make(clock);
      assert.equal(await broker.nextDueAt(["celery"]), null);
      const dueAt = clock.now() + 1_000;
      await broker.publish("celery", message("later"), dueAt + 500);
      await broker.publish("celery", message("soon"), dueAt);
      assert.deepEqual(await take(broker), []);
      assert.equal(await broker.nextDueAt(["celery"]), dueAt);
      clock.move(999);
      assert.deepEqual(await take(broker), []);
      clock.move(1);
      assert.deepEqual(ids(await take(broker)), ["soon"]);
      assert.equal(await broker.nextDueAt(["celery"]), dueAt + 500);
    },
  },
  {
    name: "hands out by priority what is due, and those of one priority in their order",
    movesClock: true,
    async run(make) {
      const clock = makeClock();
      await using broker = await make(clock);
      const first = broker.firstPriority ?? 0;
      const toNumber = (place: number): number => Math.abs(first - place);
      const publish = (id: string, place: number, dueAt?: number): Promise<boolean> =>
        broker.publish("celery", message(id, { properties: { priority: toNumber(place) } }), dueAt);
      await publish("last", 9);
      for (const id of ["a", "b"]) await publish(`middle ${id}`, 5);
      for (const id of ["a", "b"]) await publish(`first ${id}`, 0);
      assert.deepEqual(ids(await take(broker, { limit: 3 })), ["first a", "first b", "middle a"]);
      await publish("first but later", 0, clock.now() + 1_000);
      clock.move(1_000);
      assert.deepEqual(ids(await take(broker)), ["first but later", "middle b", "last"]);
    },
  },
  {
    name: "keeps the priority of what is put back",
    movesClock: true,
    async run(make) {
      const clock = makeClock();
      await using broker = await make(clock);
      const first = broker.firstPriority ?? 0;
      for (const place of [9, 5, 0]) {
        const properties = { priority: Math.abs(first - place) };
        await broker.publish("celery", message(`place ${place}`, { properties }));
      }
      const deliveries = await take(broker);
      const dueAt = clock.now() + 1_000;
      for (const delivery of deliveries.toReversed()) await broker.putBack(delivery, { dueAt });
      clock.move(1_000);
      assert.deepEqual(ids(await take(broker)), ["place 0", "place 5", "place 9"]);
    },
  },
  {
    name: "finds nothing when it is asked for no queue",
    async run(make) {
      await using broker = await make();
      await broker.publish("celery", message("one"));
      assert.deepEqual(await take(broker, { queues: [] }), []);
      assert.equal(await broker.nextDueAt([]), null);
      assert.deepEqual(ids(await take(broker)), ["one"]);
    },
  },
  {
    name: "keeps queues apart, and serves every queue that is asked for",
    async run(make) {
      await using broker = await make();
      for (let n = 0; n < 3; n++) await broker.publish("celery", message(`celery-${n}`));
      await broker.publish("mail", message("mail-0"));
      assert.deepEqual(await take(broker, { queues: ["other"] }), []);
      assert.deepEqual(ids(await take(broker, { queues: ["mail"] })), ["mail-0"]);
      const rest = await take(broker, { queues: ["mail", "celery"] });
      assert.deepEqual(ids(rest), ["celery-0", "celery-1", "celery-2"]);
      assert.equal(rest[0]?.queue, "celery");
    },
  },
  {
    name: "gives each message to one of several takers",
    async run(make) {
      await using broker = await make();
      await Promise.all(range(50).map((n) => broker.publish("celery", message(`m${n}`))));
      const takes = await Promise.all(range(10).map(() => take(broker, { limit: 7 })));
      const taken = takes.flatMap(ids);
      assert.equal(taken.length, 50);
      assert.equal(new Set(taken).size, 50);
    },
  },
  {
    name: "forgets a message that is acknowledged",
    async run(make) {
      const clock = makeClock();
      await using broker = await make(clock);
      await broker.publish("celery", message("one"));
      const delivery = await takeOne(broker);
      assert.equal(await broker.acknowledge(delivery), true);
      assert.equal(await broker.acknowledge(delivery), false);
      clock.move(60_000);
      await broker.reclaim();
      assert.deepEqual(await take(broker), []);
    },
  },
  {
    name: "lets a message be taken again when its lease has run out, and counts that",
    movesClock: true,
    async run(make) {
      const clock = makeClock();
      await using broker = await make(clock);
      await broker.publish("celery", message("one"));
      await take(broker, { leaseMs: 1_000 });
      clock.move(999);
      assert.equal(await broker.reclaim(), 0);
      assert.deepEqual(await take(broker), []);
      clock.move(1);
      assert.equal(await broker.reclaim(), 1);
      const again = await takeOne(broker);
      assert.deepEqual([again.runs, again.lostLeases], [2, 1]);
    },
  },
  {
    name: "keeps a lease that is renewed",
    async run(make) {
      const clock = makeClock();
      await using broker = await make(clock);
      await broker.publish("celery", message("one"));
      const delivery = await takeOne(broker, { leaseMs: 1_000 });
      for (let n = 0; n < 5; n++) {
        clock.move(900);
        assert.deepEqual(await broker.renew([delivery], 1_000), []);
        assert.equal(await broker.reclaim(), 0);
      }
      assert.equal(await broker.acknowledge(delivery), true);
    },
  },
  {
    name: "refuses whoever lost the lease, and leaves the message to who has it now",
    movesClock: true,
    async run(make) {
      const clock = makeClock();
      await using broker = await make(clock);
      await broker.publish("celery", message("one"));
      const lost = await takeOne(broker, { leaseMs: 1_000 });
      clock.move(1_000);
      await broker.reclaim();
      assert.equal(await broker.acknowledge(lost), false, "nobody has it");
      const held = await takeOne(broker, { leaseMs: 1_000 });
      assert.equal(await broker.acknowledge(lost), false);
      assert.equal(
        await broker.putBack(lost, { message: message("one", { body: toBytes("wrong") }) }),
        false,
      );
      assert.deepEqual(await broker.renew([lost, held], 1_000), [lost]);
      assert.deepEqual(await take(broker), []);
      assert.equal(await broker.acknowledge(held), true);
    },
  },
  {
    name: "takes a message back at once, and hands it out again",
    async run(make) {
      await using broker = await make();
      await broker.publish("celery", message("one", { body: toBytes("kept") }));
      const delivery = await takeOne(broker);
      assert.equal(await broker.putBack(delivery), true);
      assert.equal(await broker.putBack(delivery), false);
      const again = await takeOne(broker);
      assert.deepEqual([again.runs, again.lostLeases, toText(again)], [2, 0, "kept"]);
    },
  },
  {
    name: "keeps a replacement in the queue that it names, at once and later",
    async run(make) {
      await using broker = await make();
      for (const id of ["one", "two"]) await broker.publish("celery", message(id));
      const [one, two] = await take(broker);
      assert.ok(one && two);
      const [now, later] = ["one", "two"].map((id) => message(id, { body: toBytes("next") }));
      assert.equal(await broker.putBack(one, { message: now, queue: "other" }), true);
      const dueAt = Date.now() + 60_000;
      assert.equal(await broker.putBack(two, { message: later, queue: "other", dueAt }), true);
      assert.deepEqual(await take(broker), []);
      const [moved] = await take(broker, { queues: ["other"] });
      assert.deepEqual([moved?.id, moved?.queue, moved?.message.body], ["one", "other", now?.body]);
      const found = await broker.cancel("two");
      assert.ok(found?.queue === "other" || found?.queue === null);
    },
  },
  {
    name: "takes back the next try of a message, due when it says",
    movesClock: true,
    async run(make) {
      const clock = makeClock();
      await using broker = await make(clock);
      await broker.publish("celery", message("one"));
      const retry = message("one", { headers: { task: "t", retries: 1 }, body: toBytes("again") });
      const dueAt = clock.now() + 5_000;
      assert.equal(await broker.putBack(await takeOne(broker), { message: retry, dueAt }), true);
      assert.deepEqual(await take(broker), []);
      clock.move(5_000);
      assert.deepEqual((await takeOne(broker)).message, retry);
    },
  },
  {
    name: "does not count as a run when a message is only to come later",
    movesClock: true,
    async run(make) {
      const clock = makeClock();
      await using broker = await make(clock);
      await broker.publish("celery", message("one"));
      for (let n = 0; n < 2; n++) {
        const delivery = await takeOne(broker);
        assert.equal(delivery.runs, 1);
        assert.equal(await broker.putBack(delivery, { dueAt: clock.now() + 1_000 }), true);
        assert.equal(await broker.putBack(delivery), false);
        assert.deepEqual(await take(broker), []);
        clock.move(1_000);
      }
      const held = await takeOne(broker);
      assert.equal(await broker.putBack(held), true);
      assert.equal((await takeOne(broker)).runs, 2);
    },
  },
  {
    name: "hastens a message that waits for its time, and no other, if it can",
    async run(make) {
      const clock = makeClock();
      await using broker = await make(clock);
      if (!broker.hasten) return;
      const waiting = (id: string): WaitingTask => ({ id, queue: "celery" });
      await broker.hasten([waiting("unknown")]);
      for (const id of ["taken", "again"]) await broker.publish("celery", message(id));
      await broker.publish("celery", message("later"), clock.now() + 60_000);
      await broker.publish("celery", message("other"), clock.now() + 60_000);
      const [taken, again] = await take(broker);
      assert.ok(taken && again);
      await broker.putBack(again, { dueAt: clock.now() + 60_000 });
      assert.deepEqual(await take(broker), []);
      await broker.hasten(["later", "again", "taken"].map(waiting));
      assert.deepEqual(ids(await take(broker)).toSorted(), ["again", "later"]);
      assert.equal(await broker.acknowledge(taken), true);
    },
  },
  {
    name: "marks a leased message as cancelled, and lists it while it is leased",
    async run(make) {
      const clock = makeClock();
      await using broker = await make(clock);
      for (const id of ["one", "two"]) await broker.publish("celery", message(id));
      const deliveries = await take(broker);
      assert.equal((await broker.cancel("two"))?.running, true);
      assert.deepEqual(await broker.listCancelled(), ["two"]);
      for (const delivery of deliveries) {
        await broker.putBack(delivery, { dueAt: clock.now() + 60_000 });
      }
      assert.deepEqual(await broker.listCancelled(), []);
      const again = await takeOne(broker);
      assert.deepEqual([again.id, again.cancelled], ["two", true], "a cancelled one does not wait");
    },
  },
  {
    name: "tells listeners of what can be taken or was cancelled, until they leave",
    movesClock: true,
    async run(make) {
      const clock = makeClock();
      await using broker = await make(clock);
      let heard = 0;
      const leave = broker.onChange(() => heard++);
      const hears = async (change: () => Promise<unknown>): Promise<void> => {
        const before = heard;
        await change();
        assert.ok(heard > before, `expected ${change.toString()} to be told`);
      };
      await hears(() => broker.publish("celery", message("one")));
      const delivery = await takeOne(broker);
      await hears(() => broker.putBack(delivery));
      await take(broker, { leaseMs: 1_000 });
      clock.move(1_000);
      await hears(() => broker.reclaim());
      await hears(() => broker.cancel("one"));
      leave();
      const before = heard;
      await broker.publish("celery", message("two"));
      assert.equal(heard, before);
    },
  },
  {
    name: "hands out a broken message like any other",
    async run(make) {
      await using broker = await make();
      const broken = message("broken", { headers: { task: ["no", "name"] }, body: toBytes("}{") });
      await broker.publish("celery", broken);
      assert.deepEqual((await takeOne(broker)).message, broken);
    },
  },
  {
    name: "counts what waits, is delayed and is taken, and changes nothing by it",
    async run(make) {
      const clock = makeClock();
      await using broker = await make(clock);
      await broker.publish("celery", message("taken"));
      await broker.publish("celery", message("later"), clock.now() + 60_000);
      const [taken] = await take(broker);
      assert.ok(taken);
      for (const id of ["one", "two"]) await broker.publish("celery", message(id));
      await broker.publish("mail", message("other"));
      for (const _ of range(2)) {
        const { waiting, delayed, taken: takenCount } = await broker.contents.count("celery");
        assert.equal(waiting, 2);
        assert.ok(delayed === 1 || delayed === null, `expected 1 delayed, got ${delayed}`);
        assert.ok(takenCount === 1 || takenCount === null, `expected 1 taken, got ${takenCount}`);
      }
      assert.equal((await broker.contents.count("nobody's")).waiting, 0);
      assert.equal(await broker.acknowledge(taken), true);
      assert.deepEqual(ids(await take(broker)), ["one", "two"]);
    },
  },
  {
    name: "names the queues that hold messages, if it can",
    async run(make) {
      await using broker = await make();
      for (const queue of ["mail", "celery"]) await broker.publish(queue, message(queue));
      await takeOne(broker);
      const queues = await broker.contents.list();
      assert.deepEqual(queues ?? ["celery", "mail"], ["celery", "mail"]);
    },
  },
  {
    name: "purges what waits in a queue, and neither what workers have nor other queues",
    async run(make) {
      const clock = makeClock();
      await using broker = await make(clock);
      for (const id of ["taken", "one", "two"]) await broker.publish("celery", message(id));
      await broker.publish("mail", message("other"));
      const taken = await takeOne(broker);
      assert.equal(await broker.contents.purge("celery"), 2);
      assert.equal(await broker.contents.purge("nobody's"), 0);
      assert.equal((await broker.contents.count("celery")).waiting, 0);
      assert.equal(await broker.putBack(taken), true);
      const left = ids(await take(broker, { queues: ["celery", "mail"] }));
      assert.deepEqual(left.toSorted(), ["other", "taken"]);
      assert.equal(await broker.publish("celery", message("one")), true);
    },
  },
  {
    name: "purges what is delayed, where it can count it",
    movesClock: true,
    async run(make) {
      const clock = makeClock();
      await using broker = await make(clock);
      await broker.publish("celery", message("later"), clock.now() + 1_000);
      assert.deepEqual(await take(broker), []);
      const { delayed } = await broker.contents.count("celery");
      const purged = await broker.contents.purge("celery");
      assert.equal(purged, delayed ?? 0);
      clock.move(1_000);
      assert.equal((await take(broker)).length, delayed === null ? 1 : 0);
    },
  },
];

/** What holds of brokers that find any message by its id, wherever it is. */
export const brokerSearchCases: readonly BrokerCase[] = [
  {
    name: "refuses a message whose id it holds, waiting or leased, and takes it again afterwards",
    async run(make) {
      await using broker = await make();
      await broker.publish("celery", message("one", { body: toBytes("first") }));
      assert.equal(await broker.publish("mail", message("one")), false);
      const delivery = await takeOne(broker);
      assert.equal(toText(delivery), "first");
      assert.equal(await broker.publish("celery", message("one")), false);
      await broker.acknowledge(delivery);
      assert.equal(await broker.publish("celery", message("one")), true);
    },
  },
  {
    name: "marks a waiting message as cancelled, and makes it due",
    async run(make) {
      const clock = makeClock();
      await using broker = await make(clock);
      const sent = message("one");
      await broker.publish("celery", sent, clock.now() + 60_000);
      assert.deepEqual(await broker.cancel("one"), {
        queue: "celery",
        message: sent,
        running: false,
      });
      assert.deepEqual(await broker.listCancelled(), []);
      assert.equal((await takeOne(broker)).cancelled, true);
    },
  },
  {
    name: "finds nothing to cancel once a message is gone",
    async run(make) {
      await using broker = await make();
      assert.equal(await broker.cancel("unknown"), null);
      await broker.publish("celery", message("one"));
      await broker.acknowledge(await takeOne(broker));
      assert.equal(await broker.cancel("one"), null);
    },
  },
  {
    name: "discards a cancelled message that nobody has, and nothing else",
    async run(make) {
      await using broker = await make();
      for (const id of ["waiting", "leased", "cancelled"])
        await broker.publish("celery", message(id));
      await broker.cancel("cancelled");
      await broker.discard("cancelled");
      await broker.discard("waiting");
      await broker.discard("unknown");
      const deliveries = await take(broker);
      assert.deepEqual(ids(deliveries), ["waiting", "leased"]);
      await broker.cancel("leased");
      await broker.discard("leased");
      assert.deepEqual(await broker.renew(deliveries, 1_000), []);
    },
  },
];

function message(id: string, part: Partial<EncodedMessage> = {}): EncodedMessage {
  return {
    id,
    headers: { task: "t", id },
    body: toBytes("[[], {}, {}]"),
    contentType: "application/json",
    contentEncoding: "utf-8",
    properties: { correlationId: id, deliveryMode: 2, priority: 0 },
    ...part,
  };
}

function toBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function toText({ message: { body } }: Delivery): string {
  return new TextDecoder().decode(body);
}

function take(broker: Broker, request: Partial<TakeRequest> = {}): Promise<readonly Delivery[]> {
  return broker.take({ queues: ["celery"], limit: 100, leaseMs: 10_000, ...request });
}

async function takeOne(broker: Broker, request: Partial<TakeRequest> = {}): Promise<Delivery> {
  const [delivery] = await take(broker, { ...request, limit: 1 });
  assert.ok(delivery, "expected a message to be there");
  return delivery;
}

function ids(deliveries: readonly Delivery[]): readonly string[] {
  return deliveries.map(({ id }) => id);
}

function range(length: number): readonly number[] {
  return Array.from({ length }, (_, index) => index);
}

/** A clock that stands still until it is moved. */
function makeClock(): { readonly now: () => number; readonly move: (ms: number) => void } {
  let time = Date.now();
  return {
    now: () => time,
    move: (ms) => {
      time += ms;
    },
  };
}
