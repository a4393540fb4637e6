import { randomUUID } from "node:crypto";

import { Notifier } from "../../core/notifier.ts";
import type {
  ControlChannel,
  ControlInbox,
  ControlReply,
  ControlRequest,
  ReplyAddress,
} from "./control-channel.ts";
import { readReply, readRequest, writeReply, writeRequest, type PidboxMessage } from "./pidbox.ts";

/** A control channel in this process's memory. */
export class MemoryControl implements ControlChannel {
  readonly #requests = new Notifier<PidboxMessage>();
  readonly #inboxes = new Map<string, (message: PidboxMessage) => void>();

  async listen(listener: (request: ControlRequest) => void): Promise<() => void> {
    return this.#requests.subscribe(({ body, headers }) => {
      const request = readRequest(body, headers);
      if (request) listener(request);
    });
  }

  async send(request: ControlRequest): Promise<void> {
    this.#requests.announce(writeRequest(request));
  }

  async openInbox(listener: (reply: ControlReply) => void): Promise<ControlInbox> {
    const ticket = randomUUID();
    this.#inboxes.set(ticket, ({ body, headers }) => {
      const reply = readReply(body, headers, ticket);
      if (reply) listener(reply);
    });
    return {
      address: { ticket, exchange: "", routingKey: ticket },
      [Symbol.asyncDispose]: async () => void this.#inboxes.delete(ticket),
    };
  }

  async reply(address: ReplyAddress, reply: ControlReply): Promise<void> {
    this.#inboxes.get(address.routingKey)?.(writeReply(address, reply));
  }
}
