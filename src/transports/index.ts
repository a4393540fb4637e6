/**
 * Deliveries: one file for each way in which a feed or a consumer reaches a client.
 *
 * `serve-feed.ts` chooses among them for HTTP. They share the outbox and the list of open
 * connections. They must never know an application, its routes or its middleware.
 *
 * @module
 */
export type { FeedExchange } from "./feed-exchange.ts";
export { OpenConnections, type OpenConnection } from "./open-connections.ts";
export { answerUpgrade, refuseUpgrade } from "./refuse-upgrade.ts";
export { serveFeed } from "./serve-feed.ts";
export { serveConsumerOverWebSocket } from "./websocket-consumer.ts";
export { serveFeedOverWebSocket, type FeedUpgrade } from "./websocket-feed.ts";
export {
  WebSocketTransport,
  type HandshakeOptions,
  type Upgrade,
  type WebSocketLimits,
} from "./websocket.ts";
