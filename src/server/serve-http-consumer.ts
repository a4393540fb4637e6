import type { App } from "../app/index.ts";
import {
  ChannelInbox,
  toErrorResponse,
  type HttpConsumerDefinition,
  type RouteContext,
} from "../channels/index.ts";

/** Answers a request for an HTTP consumer. */
export async function respondWithHttpConsumer(
  app: App,
  definition: HttpConsumerDefinition,
  { request, params, user, address }: RouteContext,
): Promise<Response> {
  const { methods } = definition;
  if (!methods.includes(request.method)) {
    return toErrorResponse({
      status: 405,
      code: "REQUEST_METHOD_NOT_ALLOWED",
      message: `expected one of ${methods.join(", ")}`,
      headers: { allow: methods.join(", ") },
    });
  }
  const layer = app.getLayer(definition.layer);
  return await definition.handle(request, {
    params,
    user,
    address,
    layer,
    openInbox: () => ChannelInbox.open(layer),
  });
}
