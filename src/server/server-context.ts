import type { Application } from "../app/index.ts";
import type { ConsumerDefinition, EventDispatch, FeedSources } from "../channels/index.ts";
import type { Logger } from "../core/logger.ts";
import type { OpenConnections, WebSocketTransport } from "../transports/index.ts";
import type { ServerLimits } from "./limits.ts";

/** What requests and upgrades of one server share. */
export interface ServerContext {
  readonly application: Application;
  readonly logger: Logger;
  readonly limits: ServerLimits;
  readonly connections: OpenConnections;
  readonly websockets: WebSocketTransport;
  readonly sources: FeedSources;
  readonly dispatches: ReadonlyMap<ConsumerDefinition, EventDispatch>;
  /** The consumers' connections, each settled when its last handler is done. */
  readonly sessions: Set<Promise<void>>;
}
