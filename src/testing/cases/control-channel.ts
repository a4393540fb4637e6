import assert from "node:assert/strict";

import type { ControlChannel, ControlReply, ControlRequest } from "../../tasks/index.ts";

/** A channel under test, and what ends its use. */
export interface MadeControlChannel extends AsyncDisposable {
  readonly channel: ControlChannel;
}

/** Makes the channel under test. */
export type MakeControlChannel = () => MadeControlChannel | Promise<MadeControlChannel>;

/** One sentence of the contract, and how to see that it holds. */
export interface ControlChannelCase {
  readonly name: string;
  readonly run: (make: MakeControlChannel) => Promise<void>;
}

/**
 * The contract of {@link ControlChannel}, case by case, free of any test runner.
 *
 * @example
 * for (const { name, run } of controlChannelCases) test(name, () => run(() => makeMine()));
 */
export const controlChannelCases: readonly ControlChannelCase[] = [
  {
    name: "tells all who listen what was sent, equal and in full",
    async run(make) {
      await using made = await make();
      const heard = [new Heard<ControlRequest>(), new Heard<ControlRequest>()];
      for (const { hear } of heard) await made.channel.listen(hear);
      const sent = request("ping", {
        arguments: { text: "é 🙂", deep: [null, { a: 1.5 }] },
        destination: ["one@host", "two@host"],
        expiresAt: 1_795_208_508_829,
        replyTo: { ticket: "t", exchange: "x", routingKey: "r" },
      });
      await made.channel.send(sent);
      for (const each of heard) assert.deepEqual(await each.next(), sent);
    },
  },
  {
    name: "tells nothing that was sent before, nor to those who have left",
    async run(make) {
      await using made = await make();
      const left = new Heard<ControlRequest>();
      const leave = await made.channel.listen(left.hear);
      await made.channel.send(request("before"));
      assert.equal((await left.next()).method, "before");
      leave();
      const heard = new Heard<ControlRequest>();
      await made.channel.listen(heard.hear);
      await made.channel.send(request("after"));
      assert.equal((await heard.next()).method, "after");
      assert.deepEqual(left.all, []);
    },
  },
  {
    name: "hears again after the last listener has left",
    async run(make) {
      await using made = await make();
      (await made.channel.listen(() => undefined))();
      const heard = new Heard<ControlRequest>();
      await made.channel.listen(heard.hear);
      await made.channel.send(request("again"));
      assert.equal((await heard.next()).method, "again");
    },
  },
  {
    name: "brings answers to the inbox that they are for",
    async run(make) {
      await using made = await make();
      const { channel } = made;
      const [one, two] = [new Heard<ControlReply>(), new Heard<ControlReply>()];
      await using first = await channel.openInbox(one.hear);
      await using second = await channel.openInbox(two.hear);
      await channel.reply(second.address, { worker: "w2@host", value: null });
      await channel.reply(first.address, { worker: "w1@host", value: { ok: "é 🙂" } });
      await channel.reply(first.address, { worker: "w3@host", value: [1, "two"] });
      assert.deepEqual(await one.next(), { worker: "w1@host", value: { ok: "é 🙂" } });
      assert.deepEqual(await one.next(), { worker: "w3@host", value: [1, "two"] });
      assert.deepEqual(await two.next(), { worker: "w2@host", value: null });
      await channel.reply({ ...first.address, ticket: "another" }, { worker: "w", value: 1 });
      await channel.reply(first.address, { worker: "w", value: 2 });
      assert.equal((await one.next()).value, 2);
    },
  },
  {
    name: "takes an answer that nobody awaits any more",
    async run(make) {
      await using made = await make();
      const heard = new Heard<ControlReply>();
      const inbox = await made.channel.openInbox(heard.hear);
      await inbox[Symbol.asyncDispose]();
      await made.channel.reply(inbox.address, { worker: "w", value: 1 });
      assert.deepEqual(heard.all, []);
    },
  },
  {
    name: "answers with an error instead of what is too long, or no JSON",
    async run(make) {
      await using made = await make();
      const heard = new Heard<ControlReply>();
      await using inbox = await made.channel.openInbox(heard.hear);
      for (const value of ["x".repeat(2_000_000), { run: () => 1 }]) {
        await made.channel.reply(inbox.address, { worker: "w", value });
        const text = JSON.stringify((await heard.next()).value);
        assert.ok(text.includes("error") && text.length < 200, text);
      }
    },
  },
];

function request(method: string, part: Partial<ControlRequest> = {}): ControlRequest {
  return {
    method,
    arguments: {},
    destination: null,
    pattern: null,
    matcher: null,
    expiresAt: null,
    replyTo: null,
    ...part,
  };
}

const PATIENCE_MS = 5_000;

/** What a listener has heard, one after the other. */
class Heard<T> {
  readonly all: T[] = [];
  #resume: (() => void) | undefined;

  readonly hear = (item: T): void => {
    this.all.push(item);
    this.#resume?.();
  };

  async next(): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error("nothing was heard")), PATIENCE_MS);
    this.#resume = resolve;
    if (this.all.length > 0) resolve();
    await promise;
    clearTimeout(timer);
    const [item] = this.all.splice(0, 1);
    assert.ok(item !== undefined);
    return item;
  }
}
