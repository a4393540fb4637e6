import { firstThatWorks } from "../first-that-works.ts";
import type { Attempt } from "../reconnecting.ts";
import { rarely } from "./rarely.ts";
import { followSse } from "./sse.ts";
import type { TransportName, TransportNames } from "./transport-names.ts";
import type { Transport, TransportRequest } from "./transport.ts";
import { followWebSocket } from "./websocket.ts";

/** Those that few pages need are loaded when they are needed. */
const transports: Readonly<Record<TransportName, Transport>> = {
  websocket: followWebSocket,
  sse: followSse,
  ndjson: rarely("followNdjson"),
  "long-poll": rarely("followLongPoll"),
  poll: rarely("followPoll"),
};

/** Makes attempts over the first of these transports that works; calls back when it is another one. */
export function overTransports(
  names: TransportNames,
  request: Omit<TransportRequest, "opened" | "signal">,
  onChoice: (name: TransportName) => void,
): Attempt<unknown> {
  return firstThatWorks(names, onChoice, (name, attempt) =>
    transports[name]({ ...request, ...attempt }),
  );
}
