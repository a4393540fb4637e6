/**
 * The only folder that knows an AMQP client.
 *
 * A connection to RabbitMQ that comes back, channels on it, and publishing that is confirmed. Must never
 * know what the messages are for.
 *
 * @module
 */
export { Amqp, type AmqpOptions } from "./amqp.ts";
export { AmqpChannel, type ExchangeOptions } from "./amqp-channel.ts";
export {
  AmqpUnavailable,
  isAmqpRefusal,
  type AmqpRefusal,
  type AmqpRefusalReason,
} from "./amqp-errors.ts";
export type { AmqpDelivery, AmqpProperties, AmqpPublication } from "./amqp-message.ts";
export { AmqpSession } from "./amqp-session.ts";
export { closePolitely } from "./close-politely.ts";
