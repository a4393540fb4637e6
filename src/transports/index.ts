/**
 * Deliveries: one file for each way in which a feed or a consumer reaches a client.
 *
 * `serve-feed.ts` chooses among them for a feed over HTTP, `held/serve-consumer.ts` for a consumer,
 * whose connection outlives its requests. They share the outbox and the list of open connections. They must never know an application, its routes or its middleware.
 *
 * @module
 */
export { chooseDelivery, type Delivery } from "./delivery.ts";
export { isGone, requestedCursor } from "./feed-exchange.ts";
export { offeredSubprotocols } from "./handshake.ts";
export type {
  ConnectionLink,
  LossReason,
  PostAnswer,
  ReadAnswer,
  Visitor,
} from "./held/connection-link.ts";
export { Reading } from "./held/consumer-exchange.ts";
export { serveHeldConsumerOverWebSocket } from "./held/consumer-websocket.ts";
export type { HeldConnection } from "./held/held-connection.ts";
export { HeldConnections } from "./held/held-connections.ts";
export { serveConsumerOverHttp } from "./held/serve-consumer.ts";
export { OpenConnections } from "./open-connections.ts";
export { answerUpgrade } from "./refuse-upgrade.ts";
export { serveFeed } from "./serve-feed.ts";
export { openConsumerOverWebSocket } from "./websocket-consumer.ts";
export { SocketResponse } from "./socket-response.ts";
export { TextAnswer } from "./text-answer.ts";
export { serveFeedOverWebSocket } from "./websocket-feed.ts";
export { WebSocketTransport, type Upgrade } from "./websocket.ts";
