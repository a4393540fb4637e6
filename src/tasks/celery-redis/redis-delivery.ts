import type { Delivery } from "../brokers/broker.ts";
import type { EncodedMessage } from "../message/message.ts";
import type { Envelope } from "./envelope.ts";

/** How it was taken. */
export interface Taking {
  /** The queue that it was taken from. */
  readonly queue: string;
  /** The name of this taking; whoever knows it holds the lease. */
  readonly field: string;
  readonly until: number;
  readonly cancelled: boolean;
}

/** A delivery of a {@link RedisBroker}, and where it stands. */
export class RedisDelivery implements Delivery {
  readonly id: string;
  readonly queue: string;
  readonly message: EncodedMessage;
  readonly runs: number;
  readonly lostLeases: number;
  readonly cancelled: boolean;
  readonly field: string;
  /** Which of the four lists of a queue it belongs to. */
  readonly step: number;
  /** When the lease runs out, as far as we know. */
  until: number;
  /** Its place among those that are held; -1 when it has ended. */
  place = -1;

  constructor({ message, marks, step }: Envelope, { queue, field, until, cancelled }: Taking) {
    this.id = message.id;
    this.queue = queue;
    this.message = message;
    this.runs = marks.runs + 1;
    this.lostLeases = marks.lostLeases;
    this.cancelled = cancelled;
    this.field = field;
    this.step = step;
    this.until = until;
  }
}
