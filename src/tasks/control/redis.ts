import { randomUUID } from "node:crypto";

import { Notifier } from "../../core/notifier.ts";
import { writeControlEnvelope } from "../celery-redis/control-envelope.ts";
import { readEnvelope } from "../celery-redis/envelope.ts";
import type { TaskRedis } from "../celery-redis/task-redis.ts";
import type {
  ControlChannel,
  ControlInbox,
  ControlReply,
  ControlRequest,
  ReplyAddress,
} from "./control-channel.ts";
import {
  PIDBOX,
  readReply,
  readRequest,
  REPLY_PIDBOX,
  writeReply,
  writeRequest,
} from "./pidbox.ts";

/** What is longer is not read. */
const MAX_REQUEST_LENGTH = 4_194_304;
/** Answers that nobody has fetched are removed after so long. */
const REPLY_TTL_SECONDS = 300;
/** How long one read waits for an answer; Redis is asked again afterwards. */
const READ_SECONDS = 1;

/**
 * Answers, if somebody still waits: kombu's clients note where they read, and take it back when they go.
 *
 * KEYS  the notes of an exchange; the list that is read.   ARGV  the note; the answer; how long it is kept
 */
const REPLY = {
  source: `
if redis.call("SISMEMBER", KEYS[1], ARGV[1]) == 0 then return 0 end
redis.call("LPUSH", KEYS[2], ARGV[2])
return redis.call("EXPIRE", KEYS[2], ARGV[3])
`,
};

/**
 * Celery's control channel in Redis: a message to all is published, answers are pushed into lists.
 *
 * One subscription serves all listeners. While the connection is gone, nothing is heard, as in Celery.
 */
export class RedisControl implements ControlChannel {
  readonly #redis: TaskRedis;
  readonly #requests = new Notifier<ControlRequest>();
  #hearing: Promise<void> | undefined;

  readonly #hear = (text: string): void => {
    if (text.length > MAX_REQUEST_LENGTH) return;
    const { message } = readEnvelope(text, "");
    const request = readRequest(Buffer.from(message.body).toString(), message.headers);
    if (request) this.#requests.announce(request);
  };

  constructor(redis: TaskRedis) {
    this.#redis = redis;
  }

  async listen(listener: (request: ControlRequest) => void): Promise<() => void> {
    const leave = this.#requests.subscribe(listener);
    const hearing = (this.#hearing ??= this.#redis.hear(this.#channel, this.#hear));
    try {
      await hearing;
    } catch (error) {
      if (this.#hearing === hearing) this.#hearing = undefined;
      leave();
      throw error;
    }
    return () => {
      leave();
      if (this.#requests.size > 0 || !this.#hearing) return;
      this.#hearing = undefined;
      this.#redis.unhear(this.#channel, this.#hear);
    };
  }

  async send(request: ControlRequest): Promise<void> {
    const text = writeControlEnvelope({
      ...writeRequest(request),
      exchange: PIDBOX,
      routingKey: "",
    });
    await this.#redis.run((redis) => redis.command(["PUBLISH", this.#channel, text]));
  }

  async openInbox(listener: (reply: ControlReply) => void): Promise<ControlInbox> {
    const address = {
      ticket: randomUUID(),
      exchange: REPLY_PIDBOX,
      routingKey: randomUUID(),
    };
    const { list, bindings, note } = placeOf(address);
    const connection = await this.#redis.run((redis) => redis.connect(list));
    const leave = (): Promise<unknown> =>
      this.#redis.run((redis) =>
        redis.transaction([
          ["SREM", bindings, note],
          ["DEL", list],
        ]),
      );
    try {
      // Over the connection that reads: who is not told of a note has not left one.
      await this.#redis.run(() => connection.command(["SADD", bindings, note]));
    } catch (error) {
      await Promise.allSettled([connection.close(), leave()]);
      throw error;
    }
    let isOpen = true;
    const read = async (): Promise<void> => {
      const words = ["BRPOP", list, String(READ_SECONDS)];
      const reply = await connection.command(words, { timeoutMs: READ_SECONDS * 1_000 + 5_000 });
      if (!isOpen || !Array.isArray(reply)) return;
      const { message } = readEnvelope(String(reply[1]), "");
      const body = Buffer.from(message.body).toString();
      const answer = readReply(body, message.headers, address.ticket);
      if (answer) listener(answer);
    };
    const reading = untilClosed(() => isOpen, read);
    return {
      address,
      [Symbol.asyncDispose]: async () => {
        isOpen = false;
        await connection.close();
        await reading;
        await leave();
      },
    };
  }

  async reply(address: ReplyAddress, reply: ControlReply): Promise<void> {
    const { list, bindings, note } = placeOf(address);
    const { exchange, routingKey } = address;
    const text = writeControlEnvelope({ ...writeReply(address, reply), exchange, routingKey });
    const words = [note, text, String(REPLY_TTL_SECONDS)];
    await this.#redis.run((redis) => redis.script(REPLY, [bindings, list], words));
  }

  get #channel(): string {
    return `/${this.#redis.database}.${PIDBOX}`;
  }
}

/** Reads until it is closed, or Redis cannot be read: whoever waits has a time limit. */
async function untilClosed(isOpen: () => boolean, read: () => Promise<void>): Promise<void> {
  try {
    while (isOpen()) await read();
  } catch {
    // Closed, or lost.
  }
}

/** Where kombu keeps an address: the list that is read, and the note that it is. */
function placeOf({ exchange, routingKey }: ReplyAddress) {
  const list = `${routingKey}.${exchange}`;
  const note = `${routingKey}\u0006\u0016\u0006\u0016${list}`;
  return { list, note, bindings: `_kombu.binding.${exchange}` };
}
