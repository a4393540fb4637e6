import {
  deny,
  type FeedDefinition,
  type RouteContext,
  type RouteMatch,
} from "../channels/index.ts";

/** Whether anybody has to be asked before a route is passed: nothing needs waiting for otherwise. */
export function isGuarded({ middleware, definition }: RouteMatch): boolean {
  return middleware.length > 0 || (definition.kind === "feed" && !!definition.authorize);
}

/**
 * Runs a route's middleware, and asks a feed whether this client may follow it.
 *
 * Returns the response of the first that refuses, if any.
 */
export async function passRoute(
  { middleware, definition }: RouteMatch,
  context: RouteContext,
): Promise<Response | undefined> {
  for (const pass of middleware) {
    const refusal = await pass(context);
    if (refusal) return refusal;
  }
  return definition.kind === "feed" ? await authorizeFeed(definition, context) : undefined;
}

async function authorizeFeed(
  definition: FeedDefinition,
  context: RouteContext,
): Promise<Response | undefined> {
  if (!definition.authorize || (await definition.authorize(context))) return undefined;
  return deny(context, {
    stranger: "sign in to follow this feed",
    user: "you may not follow this feed",
  });
}
