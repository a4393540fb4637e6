import { useEffect, useMemo, useSyncExternalStore } from "react";

import {
  connect,
  type ConnectOptions,
  type ConsumerTypes,
  type EventFrom,
  type EventNamed,
  type TypeOf,
} from "../client/index.ts";
import { isRecord } from "../core/is-record.ts";
import { ConnectionStore, type ConnectionState } from "./connection-store.ts";
import { useLatest } from "./use-latest.ts";

/** What is called for the events of a consumer, by their type. */
export type EventListeners<TConsumer extends ConsumerTypes> = {
  readonly [TType in TypeOf<EventFrom<TConsumer>>]?:
    | ((event: EventNamed<EventFrom<TConsumer>, TType>) => void)
    | undefined;
};

/** How to connect in a component. What changes later counts at the next connection; listeners count at once. */
export interface UseConnectionOptions<TConsumer extends ConsumerTypes> extends Omit<
  ConnectOptions,
  "signal" | "onStatus"
> {
  readonly on?: EventListeners<TConsumer> | undefined;
}

/**
 * Connects to a consumer for as long as the component is there; without an address, to nothing.
 *
 * On the server, and before the component is there, `connection` is `undefined`. The types come from the
 * server's definition: `useConnection<typeof chat>("/ws/chat/lobby")`.
 */
export function useConnection<TConsumer extends ConsumerTypes = ConsumerTypes>(
  address: string | URL | null,
  options: UseConnectionOptions<TConsumer> = {},
): ConnectionState<TConsumer> {
  const latest = useLatest(options);
  const key = address === null ? null : String(address);
  const store = useMemo(
    () =>
      new ConnectionStore<TConsumer>(() => {
        const { on: _on, ...given } = latest.current;
        return key === null ? undefined : connect<TConsumer>(key, given);
      }),
    [key, latest],
  );
  const state = useSyncExternalStore(store.subscribe, store.getSnapshot, store.getSnapshot);
  const { connection } = state;
  useEffect(
    () =>
      connection?.onMessage((message) => {
        const listeners: Readonly<Record<string, ((event: never) => void) | undefined>> =
          latest.current.on ?? {};
        const type = isRecord(message) && message["type"];
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- here the consumer's types are believed
        if (typeof type === "string") listeners[type]?.(message as never);
      }),
    [connection, latest],
  );
  return state;
}
