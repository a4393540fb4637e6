import {
  toErrorResponse,
  type FeedDefinition,
  type RouteContext,
  type RouteMatch,
} from "../channels/index.ts";

/** Runs a route's middleware; returns the response of the first that refuses, if any. */
export async function passMiddleware(
  match: RouteMatch,
  context: RouteContext,
): Promise<Response | undefined> {
  for (const middleware of match.middleware) {
    const refusal = await middleware(context);
    if (refusal) return refusal;
  }
  return undefined;
}

/** Asks a feed whether this client may follow it; returns the response that refuses, if not. */
export async function authorizeFeed(
  definition: FeedDefinition,
  context: RouteContext,
): Promise<Response | undefined> {
  if (!definition.authorize || (await definition.authorize(context))) return undefined;
  return context.user
    ? toErrorResponse({
        status: 403,
        code: "REQUEST_FORBIDDEN",
        message: "you may not follow this feed",
      })
    : toErrorResponse({
        status: 401,
        code: "REQUEST_UNAUTHENTICATED",
        message: "sign in to follow this feed",
      });
}
