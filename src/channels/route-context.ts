import type { Params } from "./path.ts";
import type { User } from "./user.ts";

/**
 * What is known of a request before a consumer or a feed answers it.
 *
 * The same for an upgrade, a stream, a poll and a POST. Middleware fills in the user.
 */
export interface RouteContext {
  /** The request, without a body when it is an upgrade. */
  readonly request: Request;
  /** What the path's parameters matched. */
  readonly params: Params;
  /** Whether the request asks for a WebSocket. */
  readonly isUpgrade: boolean;
  /** Who asks; `null` until a middleware has recognised somebody. */
  user: User | null;
}

/**
 * Looks at a request before the routes that it guards.
 *
 * Returns nothing to let it pass, or the `Response` that refuses it: for an upgrade it becomes the
 * HTTP answer to the handshake. What it throws is logged and answered with 500.
 */
export type Middleware = (
  context: RouteContext,
) => Response | undefined | void | Promise<Response | undefined | void>;
