import type { Application } from "../app/index.ts";
import {
  EventDispatch,
  FeedSources,
  type ConsumerDefinition,
  type ConsumerSession,
  type FollowFeed,
  type RouteMatch,
} from "../channels/index.ts";
import { TidingsError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import {
  answerUpgrade,
  HeldConnections,
  OpenConnections,
  WebSocketTransport,
} from "../transports/index.ts";
import { driverChecks } from "./driver-checks.ts";
import { toFailure } from "./failure.ts";
import { followFeedOn } from "./follow-feed.ts";
import { Handshakes } from "./handshakes.ts";
import { Health, type HealthOptions } from "./health.ts";
import type { ServerLimits } from "./limits.ts";
import { LiveConnections } from "./live-connections.ts";
import { Seats } from "./seats.ts";
import { ProxyTrust, type ProxyOptions } from "./trusted-proxies.ts";

/** What requests and upgrades of one server share. */
export interface ServerContext {
  readonly application: Application;
  readonly logger: Logger;
  readonly limits: ServerLimits;
  readonly seats: Seats;
  readonly handshakes: Handshakes;
  readonly proxies: ProxyTrust;
  readonly health: Health;
  readonly connections: OpenConnections;
  readonly websockets: WebSocketTransport;
  /** The consumers' connections that requests carry. */
  readonly held: HeldConnections;
  readonly sources: FeedSources;
  /** Follows feeds over connections that are open already. */
  readonly followFeed: FollowFeed;
  readonly dispatches: ReadonlyMap<ConsumerDefinition, EventDispatch>;
  /** Those that have credentials which may end. */
  readonly live: LiveConnections;
  /** The consumers' connections, until the last handler of each is done. */
  readonly sessions: Set<ConsumerSession>;
  /** Finds what the path of a request leads to; what the server is mounted behind is cut off. */
  match(pathname: string): RouteMatch | undefined;
}

/** What a {@link ServerContext} is made from. */
export interface ServerContextOptions {
  readonly logger: Logger;
  readonly limits: ServerLimits;
  /** The path that everything is behind, without a slash at its end; empty for none. */
  readonly prefix: string;
  readonly proxies: ProxyOptions;
  readonly health: HealthOptions | false | undefined;
}

/** Makes what the requests and upgrades of one server share. */
export function createContext(
  application: Application,
  { logger, limits, prefix, proxies, health }: ServerContextOptions,
): ServerContext {
  const { app } = application;
  const connections = new OpenConnections(limits.heartbeatMs);
  const websockets = new WebSocketTransport(limits, connections);
  const { rate, losses } = websockets;
  const dispatches = new Map<ConsumerDefinition, EventDispatch>();
  for (const { definition } of application.router.routes) {
    if (definition.kind === "consumer") {
      dispatches.set(definition, new EventDispatch(definition, logger));
    }
  }
  const sources = new FeedSources({
    getLayer: (name) => app.getLayer(name),
    getRecordedGroups: (name) => app.getRecordedGroups(name),
    logger,
  });
  const live = new LiveConnections(app.layer, logger);
  const match = (pathname: string): RouteMatch | undefined => {
    if (!pathname.startsWith(`${prefix}/`)) return undefined;
    return application.router.match(pathname.slice(prefix.length));
  };
  return {
    application,
    logger,
    limits,
    connections,
    dispatches,
    seats: new Seats(limits),
    handshakes: new Handshakes({
      timeoutMs: limits.handshakeTimeoutMs,
      onLate: (socket, url) => {
        const late = new TidingsError(
          "REQUEST_TIMED_OUT",
          "the handshake was not answered in time",
        );
        void answerUpgrade(socket, toFailure({ logger, limits }, late, url));
      },
    }),
    proxies: new ProxyTrust(proxies),
    health: new Health(health, driverChecks(application)),
    sessions: new Set(),
    sources,
    live,
    followFeed: followFeedOn({ limits, live, logger, sources, match }),
    websockets,
    held: new HeldConnections({ limits, rate, losses, connections, logger }),
    match,
  };
}
