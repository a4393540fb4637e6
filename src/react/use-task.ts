import { useMemo, useSyncExternalStore } from "react";

import { followTask, type FollowedTask, type FollowTaskOptions } from "../client/index.ts";
import { FollowingStore, type Following } from "./following-store.ts";
import { useLatest } from "./use-latest.ts";

/** How to follow a task in a component. */
export interface UseTaskOptions extends Omit<FollowTaskOptions, "signal" | "onStatus"> {
  /** The record before the first one that comes, and on the server. */
  readonly initial?: FollowedTask | undefined;
}

/**
 * Follows a task's state and progress for as long as the component is there; without an id, nothing.
 *
 * The value is the task's record, `undefined` until the first one has come. See {@link followTask}.
 */
export function useTask(
  id: string | null,
  options: UseTaskOptions = {},
): Following<FollowedTask | undefined> {
  const latest = useLatest(options);
  const store = useMemo(() => makeStore(id, latest), [id, latest]);
  return useSyncExternalStore(store.subscribe, store.getSnapshot, store.getSnapshot);
}

function makeStore(
  id: string | null,
  latest: { readonly current: UseTaskOptions },
): FollowingStore<FollowedTask, FollowedTask | undefined> {
  return new FollowingStore<FollowedTask, FollowedTask | undefined>({
    open(_last, signal, onStatus) {
      const { initial: _initial, ...options } = latest.current;
      return id === null ? undefined : followTask(id, { ...options, signal, onStatus });
    },
    reduce: (_record, next) => next,
    initial: latest.current.initial,
  });
}
