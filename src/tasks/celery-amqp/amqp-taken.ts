import type { Delivery } from "../brokers/broker.ts";
import type { EncodedMessage } from "../message/message.ts";
import type { Arrival } from "./inbox.ts";

/** A delivery of an {@link AmqpBroker}, and what it came by. */
export class AmqpTaken implements Delivery {
  readonly id: string;
  readonly queue: string;
  readonly message: EncodedMessage;
  readonly runs: number;
  readonly lostLeases: number;
  readonly cancelled: boolean;
  #arrival: Arrival;
  #takenAt = performance.now();
  /** Its place among those that are held; -1 when it has ended. */
  place = -1;

  constructor(arrival: Arrival, cancelled: boolean) {
    const { queue, message, marks } = arrival;
    this.id = message.id;
    this.queue = queue;
    this.message = message;
    this.runs = marks.runs + 1;
    this.lostLeases = marks.lostLeases;
    this.cancelled = cancelled;
    this.#arrival = arrival;
  }

  get arrival(): Arrival {
    return this.#arrival;
  }

  /** When RabbitMQ handed it out, as `performance.now()` tells it. */
  get takenAt(): number {
    return this.#takenAt;
  }

  /** It has been handed out anew. */
  move(arrival: Arrival): void {
    this.#arrival = arrival;
    this.#takenAt = performance.now();
  }
}
