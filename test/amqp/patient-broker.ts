import { AmqpBroker, type Delivery, type TakeRequest } from "../../src/tasks/index.ts";

/**
 * A broker whose `take` waits for what RabbitMQ has, as long as that may take on a busy machine.
 *
 * What RabbitMQ has not handed over within a moment, a worker hears of, and takes then.
 */
export class PatientBroker extends AmqpBroker {
  override async take(request: TakeRequest): Promise<readonly Delivery[]> {
    const { queues, limit } = request;
    const taken = [...(await super.take(request))];
    const giveUpAt = performance.now() + 20_000;
    while (taken.length < limit && performance.now() < giveUpAt) {
      if (!(await this.#hasMore(queues))) break;
      taken.push(...(await super.take({ ...request, limit: limit - taken.length })));
    }
    return taken;
  }

  async #hasMore(queues: readonly string[]): Promise<boolean> {
    for (const queue of queues) {
      if ((await this.contents.count(queue)).waiting > 0) return true;
    }
    return false;
  }
}
