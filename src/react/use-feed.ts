import { useMemo, useSyncExternalStore } from "react";

import {
  follow,
  type DataOf,
  type FeedTypes,
  type FollowedEvent,
  type FollowOptions,
} from "../client/index.ts";
import { FollowingStore, type Following } from "./following-store.ts";
import { useLatest } from "./use-latest.ts";

/** How to follow a feed in a component. What changes later counts when it is followed anew. */
export interface UseFeedOptions<TData, TValue> extends Omit<FollowOptions, "signal" | "onStatus"> {
  /** Makes of the value and an event the next value. @default the data of the event */
  readonly reduce?: ((value: TValue, event: FollowedEvent<TData>) => TValue) | undefined;
  /** The value before the first event, and on the server. @default undefined */
  readonly initial?: TValue | undefined;
}

/**
 * Follows a feed for as long as the component is there; without an address, nothing.
 *
 * The value is the data of the latest event, or what `reduce` makes of it and those before. For a page
 * that the server has rendered, give it the state as `initial` and its `cursor`. On the server nothing is
 * followed.
 *
 * The types come from the server's definition: `useFeed<typeof topics>("/topics")`.
 */
export function useFeed<TFeed extends FeedTypes = FeedTypes, TValue = DataOf<TFeed> | undefined>(
  address: string | URL | null,
  options: UseFeedOptions<DataOf<TFeed>, TValue> = {},
): Following<TValue> {
  const latest = useLatest(options);
  const key = address === null ? null : String(address);
  const store = useMemo(() => makeStore<TFeed, TValue>(key, latest), [key, latest]);
  return useSyncExternalStore(store.subscribe, store.getSnapshot, store.getSnapshot);
}

interface Latest<TValue> {
  readonly current: TValue;
}

function makeStore<TFeed extends FeedTypes, TValue>(
  address: string | null,
  latest: Latest<UseFeedOptions<DataOf<TFeed>, TValue>>,
): FollowingStore<FollowedEvent<DataOf<TFeed>>, TValue> {
  return new FollowingStore({
    open(last, signal, onStatus) {
      const { reduce: _reduce, initial: _initial, cursor, ...options } = latest.current;
      if (address === null) return undefined;
      const place = last?.cursor ?? cursor;
      return follow<TFeed>(address, { ...options, cursor: place, signal, onStatus });
    },
    reduce(value, event) {
      const { reduce } = latest.current;
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- without `reduce` the value is the data
      return reduce ? reduce(value, event) : (event.data as unknown as TValue);
    },
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- without `initial` it is undefined
    initial: latest.current.initial as TValue,
  });
}
