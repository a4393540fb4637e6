import { follow, type FollowedEvent, type FollowOptions } from "./follow.ts";
import { resolveUrl } from "./resolve-url.ts";

/** The states of a task: the last three are final. */
export type FollowedState =
  | "PENDING"
  | "RECEIVED"
  | "STARTED"
  | "RETRY"
  | "SUCCESS"
  | "FAILURE"
  | "REVOKED";

/** How far a task has come. */
export interface FollowedProgress {
  readonly done: number;
  readonly total: number;
  readonly message?: string | undefined;
}

/** What a task has sent: another task, or a group of them. */
export interface FollowedChild {
  readonly id: string;
  readonly members?: readonly FollowedChild[] | undefined;
}

/** Everything that is known of a task: what the server's task feed sends. Times are milliseconds. */
export interface FollowedTask {
  readonly id: string;
  /** The name of the task; `null` while nothing but the id is known. */
  readonly name: string | null;
  readonly state: FollowedState;
  readonly queue: string | null;
  /** A state of the task's own, while it is STARTED. */
  readonly custom: { readonly state: string; readonly meta: unknown } | null;
  readonly progress: FollowedProgress | null;
  readonly logs: readonly { readonly at: number; readonly text: string }[];
  readonly result: unknown;
  readonly error: { readonly type: string; readonly message: string } | null;
  readonly traceback: string | null;
  readonly retries: number;
  /** How often a worker has started it. */
  readonly runs: number;
  readonly worker: { readonly name: string; readonly pid: number } | null;
  readonly parentId: string | null;
  readonly groupId: string | null;
  readonly children: readonly FollowedChild[];
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly retryAt: number | null;
  /** Grows with every change. */
  readonly revision: number;
}

/** How to follow a task. */
export interface FollowTaskOptions extends FollowOptions {
  /** Where the server's task feed is; the task's id is put behind it. @default "/tasks/" */
  readonly address?: string | URL | undefined;
}

/**
 * Follows a task's state and progress, over reloads and restarts, until it is final.
 *
 * Yields the record as it is, and again whenever it has changed; changes that come faster than they
 * are read are one. A task that nobody knows is PENDING, and is waited for.
 *
 * @throws {TidingsError} what {@link follow} throws.
 */
export function followTask(
  id: string,
  { address = "/tasks/", ...options }: FollowTaskOptions = {},
): AsyncGenerator<FollowedTask, void> {
  const base = resolveUrl(address, options.over?.url);
  base.pathname = `${base.pathname.replace(/\/$/, "")}/${encodeURIComponent(id)}`;
  return records(follow<TaskFeedTypes>(base, options));
}

async function* records(
  events: AsyncGenerator<FollowedEvent<FollowedTask>, void>,
): AsyncGenerator<FollowedTask, void> {
  for await (const { data } of events) yield data;
}

interface TaskFeedTypes {
  readonly types?: { readonly data: FollowedTask };
}
