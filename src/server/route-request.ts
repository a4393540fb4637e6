import {
  deny,
  isAllowed,
  type FeedDefinition,
  type RouteContext,
  type RouteMatch,
} from "../channels/index.ts";
import { TidingsError } from "../core/errors.ts";

/** Whether anybody has to be asked before a route is passed: nothing needs waiting for otherwise. */
export function isGuarded({ middleware, definition }: RouteMatch): boolean {
  return middleware.length > 0 || (definition.kind === "feed" && !!definition.authorize);
}

/**
 * Runs a route's middleware, and asks a feed whether this client may follow it.
 *
 * Returns the response of the first that refuses, if any.
 *
 * @throws {TidingsError} APP_INVALID_DEFINITION when one answers what is no answer: nobody passes.
 */
export async function passRoute(
  { middleware, definition, path }: RouteMatch,
  context: RouteContext,
): Promise<Response | undefined> {
  for (const [index, pass] of middleware.entries()) {
    const refusal: unknown = await pass(context);
    if (isResponse(refusal)) return refusal;
    if (refusal === undefined) continue;
    const which = `middleware ${index + 1} (\`${pass.name || "unnamed"}\`) of \`${path.path}\``;
    const got = refusal === null ? "null" : typeof refusal;
    throw new TidingsError(
      "APP_INVALID_DEFINITION",
      `${which} must return a Response or undefined, and has returned something else (${got})`,
    );
  }
  return definition.kind === "feed" ? await authorizeFeed(definition, context) : undefined;
}

async function authorizeFeed(
  definition: FeedDefinition,
  context: RouteContext,
): Promise<Response | undefined> {
  const { authorize, path } = definition;
  if (!authorize) return undefined;
  const what = `\`authorize\` of feed \`${path.path}\``;
  if (isAllowed(what, await authorize(context))) return undefined;
  return deny(context, {
    stranger: "sign in to follow this feed",
    user: "you may not follow this feed",
  });
}

/** Of this runtime, or of a library that brings its own. */
function isResponse(value: unknown): value is Response {
  return Object.prototype.toString.call(value) === "[object Response]";
}
