import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";

import type { Amqp, AmqpPublication, AmqpSession } from "../../amqp/index.ts";
import { AmqpUnavailable, isAmqpRefusal } from "../../amqp/index.ts";
import { isRecord } from "../../core/is-record.ts";
import type { AmqpControl } from "../control/amqp.ts";
import { MAX_REVOKED, type RevokedStore } from "../control/revoked-tasks.ts";

const STREAM = "tidings.revoked";
/** Who hears of an id writes it down too: each is there once for each worker. */
const MAX_BYTES = 16_777_216;
/** RabbitMQ removes what is old a segment at a time. */
const SEGMENT_BYTES = 1_048_576;
/** A stream that does not answer by then is left alone: workers and callers go on without it. */
const PATIENCE_MS = 3_000;

/** What an {@link AmqpRevokedStore} needs. */
export interface AmqpRevokedStoreOptions {
  readonly amqp: Amqp;
  readonly control: AmqpControl;
  /** Opens one more connection, which may break. */
  readonly openOther: () => Amqp;
}

/**
 * Revoked ids in RabbitMQ: a stream, which whoever starts reads from its beginning.
 *
 * Where RabbitMQ has no streams (before 3.9, or with the feature flag `stream_queue` not enabled since), the
 * account may not declare one, or it does not answer, nothing is written down. It is asked again after a gap.
 */
export class AmqpRevokedStore implements RevokedStore {
  readonly #amqp: Amqp;
  readonly #control: AmqpControl;
  readonly #openOther: () => Amqp;
  /** Whether there is a stream. */
  #declaring: Promise<boolean> | undefined;

  constructor({ amqp, control, openOther }: AmqpRevokedStoreOptions) {
    this.#amqp = amqp;
    this.#control = control;
    this.#openOther = openOther;
  }

  async load(now: number): Promise<readonly string[]> {
    const ids = new Set<string>();
    const read = async (session: AmqpSession): Promise<void> => {
      await using channel = await session.openChannel();
      const { promise: end, resolve } = Promise.withResolvers<null>();
      const mark = randomUUID();
      await channel.prefetch(1_000);
      await channel.consume(
        STREAM,
        ({ tag, body }) => {
          const { id, until } = parse(body);
          if (id === mark) resolve(null);
          else if (typeof id === "string" && Number(until) > now) ids.add(id);
          channel.acknowledge(tag);
        },
        { arguments: { "x-stream-offset": "first" } },
      );
      // What was written before has been read when this comes.
      await write(session, { id: mark, until: 0 });
      await end;
    };
    // One that has just started finds its streams a second later.
    const giveUpAt = performance.now() + PATIENCE_MS;
    while (!(await this.#withStream(read)) && performance.now() < giveUpAt) await delay(200);
    return [...ids].slice(-MAX_REVOKED);
  }

  async keep(id: string, _now: number, until: number): Promise<void> {
    await this.#withStream((session) => write(session, { id, until }));
  }

  onGap(listener: () => void): () => void {
    return this.#control.onGap(() => {
      this.#declaring = undefined;
      listener();
    });
  }

  /** Does nothing where there is no stream; returns whether it is of no use to try again. */
  async #withStream(use: (session: AmqpSession) => Promise<void>): Promise<boolean> {
    const session = await this.#amqp.session();
    try {
      await Promise.race([this.#use(session, use), delay(PATIENCE_MS, null, { ref: false })]);
    } catch (error) {
      if (error instanceof AmqpUnavailable) throw error;
      this.#declaring = undefined;
      return !isAmqpRefusal(error, "NOT_FOUND");
    }
    return true;
  }

  async #use(session: AmqpSession, use: (session: AmqpSession) => Promise<void>): Promise<void> {
    if (await (this.#declaring ??= this.#declare())) await use(session);
  }

  /** Over another connection: where there are no streams yet, RabbitMQ ends that of who declares one. */
  async #declare(): Promise<boolean> {
    await using amqp = this.#openOther();
    try {
      await using channel = await (await amqp.session()).openChannel();
      await channel.declareQueue(STREAM, {
        durable: true,
        arguments: {
          "x-queue-type": "stream",
          "x-max-age": "3h",
          "x-max-length-bytes": MAX_BYTES,
          "x-stream-max-segment-size-bytes": SEGMENT_BYTES,
        },
      });
      return true;
    } catch {
      return false;
    }
  }
}

async function write(session: AmqpSession, revoked: { id: string; until: number }): Promise<void> {
  const publisher = await session.publisher();
  const note: AmqpPublication = {
    exchange: "",
    routingKey: STREAM,
    body: Buffer.from(JSON.stringify(revoked)),
    properties: { deliveryMode: 2 },
    mandatory: true,
  };
  await publisher.publish(note);
}

/** What is no note of ours says nothing. */
function parse(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body.toString());
    return isRecord(value) ? value : {};
  } catch {
    return {};
  }
}
