import { firstThatWorks } from "../first-that-works.ts";
import type { Attempt } from "../reconnecting.ts";
import { rarely } from "./rarely.ts";
import { followSse } from "./sse.ts";
import type { TransportName } from "./transport-names.ts";
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
  names: readonly TransportName[],
  request: Omit<TransportRequest, "opened" | "signal">,
  onChoice: (name: TransportName) => void,
): Attempt<unknown> {
  const attempts = names.map((name): Attempt<unknown> => {
    return (attempt) => transports[name]({ ...request, ...attempt });
  });
  return firstThatWorks(attempts, (index) => onChoice(names[index] ?? "websocket"));
}
