import { toErrorResponse } from "./refusal.ts";
import type { RouteContext } from "./route-context.ts";

/** The schemes that nobody has used yet. */
const challenges = new WeakMap<RouteContext, string>();

/** Says by which HTTP scheme whoever is still a stranger could say who they are: `Bearer`. */
export function offerScheme(context: RouteContext, scheme: string): void {
  challenges.set(context, scheme);
}

/** What a person is told who may not. */
export interface DenialMessages {
  /** To nobody that is known. */
  readonly stranger: string;
  readonly user: string;
}

/**
 * The answer to whoever may not: 401 when nobody has been recognised, otherwise 403.
 *
 * A 401 names the scheme that was offered in `WWW-Authenticate` (RFC 9110 §11.6.1). Without one there is
 * nothing to name: signing in with a form and a cookie is no scheme of HTTP.
 */
export function deny(context: RouteContext, messages: DenialMessages): Response {
  if (context.user) {
    return toErrorResponse({ status: 403, code: "REQUEST_FORBIDDEN", message: messages.user });
  }
  const challenge = challenges.get(context);
  return toErrorResponse({
    status: 401,
    code: "REQUEST_UNAUTHENTICATED",
    message: messages.stranger,
    headers: challenge === undefined ? undefined : { "www-authenticate": challenge },
  });
}
