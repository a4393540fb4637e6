import { feed, toJsonValue, type FeedDefinition, type FeedRequest } from "../channels/index.ts";
import { assertKnownOptions, optionNames } from "../core/options.ts";
import type { Results, TaskRecord } from "../tasks/index.ts";

/** Where a task feed is, and who may follow it. */
export interface TaskFeedOptions {
  /** Whether somebody may follow a task; without it, whoever knows its id. */
  readonly authorize?:
    | ((request: FeedRequest<{ readonly id: string }>) => boolean | Promise<boolean>)
    | undefined;
}

const NAMES = optionNames<TaskFeedOptions>({ authorize: true });

/**
 * A feed of every task's state at `/tasks/:id`.
 *
 * Each event's data is the whole {@link TaskRecord}, so any one of them is enough to draw a page;
 * changes that come faster than they are read are one event. Ends after a final state. A task that
 * nobody has sent is `PENDING`, as in Celery.
 */
export function taskFeed(
  app: { readonly results: Results },
  options: TaskFeedOptions = {},
): FeedDefinition<TaskRecord> {
  assertKnownOptions("a task feed", options, NAMES);
  const { authorize } = options;
  return feed({
    path: "/tasks/:id",
    authorize,
    async *events({ params, signal }) {
      for await (const record of app.results.watch(params.id, { signal })) {
        yield { data: toJsonRecord(record) };
      }
    },
    keep: 10,
  });
}

/** A task may return what JSON cannot carry. */
function toJsonRecord(record: TaskRecord): TaskRecord {
  const { custom } = record;
  return {
    ...record,
    result: toJsonValue(record.result),
    custom: custom && { ...custom, meta: toJsonValue(custom.meta) },
  };
}
