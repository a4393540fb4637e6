/**
 * The only folder that knows an AMQP client.
 *
 * A connection to RabbitMQ that comes back, channels on it, and publishing that is confirmed. Must never
 * know what the messages are for.
 *
 * @module
 */
export { Amqp, type AmqpOptions, type AmqpTlsOptions } from "./amqp.ts";
export {
  AmqpChannel,
  type Binding,
  type ConsumeOptions,
  type ExchangeOptions,
  type QueueOptions,
} from "./amqp-channel.ts";
export { AmqpRefusal, AmqpUnavailable } from "./amqp-errors.ts";
export type { AmqpDelivery, AmqpProperties, AmqpPublication } from "./amqp-message.ts";
export { AmqpPublisher } from "./amqp-publisher.ts";
export { AmqpSession } from "./amqp-session.ts";
export { parseAmqpUrls, type AmqpUrl } from "./amqp-url.ts";
