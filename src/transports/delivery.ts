import { chooseMediaType, parseWait } from "../protocol/index.ts";

/** The headers that an answer depends on: {@link chooseDelivery}, and whose pages may read it. */
export const VARY = "accept, prefer, origin";

/** How a feed's answer over HTTP reaches the client. */
export type Delivery =
  | { readonly kind: "sse" }
  | { readonly kind: "ndjson" }
  | { readonly kind: "long-poll"; readonly waitMs: number }
  | { readonly kind: "poll" };

/** Decides from a request's headers how it is answered; `undefined` when nothing acceptable is left. */
export function chooseDelivery(headers: Headers): Delivery | undefined {
  const mediaType = chooseMediaType(headers.get("accept"));
  switch (mediaType) {
    case undefined:
      return undefined;
    case "text/event-stream":
      return { kind: "sse" };
    case "application/x-ndjson":
      return { kind: "ndjson" };
    case "application/json": {
      const waitSeconds = parseWait(headers.get("prefer"));
      return waitSeconds === undefined
        ? { kind: "poll" }
        : { kind: "long-poll", waitMs: waitSeconds * 1000 };
    }
  }
}
