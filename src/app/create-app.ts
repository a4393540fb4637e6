import { openCache, type Cache } from "../cache/index.ts";
import type { Logger } from "../core/logger.ts";
import { openLayer, type ChannelLayer } from "../layers/index.ts";
import { createTasks, type Tasks } from "../tasks/index.ts";

/** What an application is made of. Every URL has a default that needs no server. */
export interface AppOptions {
  /** The application's name, for logs and the start banner. */
  readonly name: string;
  /** The channel layer. @default "memory:" */
  readonly layer?: string | undefined;
  /** Where tasks wait. @default "sqlite:./data/tasks.db" */
  readonly broker?: string | undefined;
  /** Where states and results of tasks are kept. @default the broker's URL */
  readonly results?: string | undefined;
  /** Cached data. @default "memory:" */
  readonly cache?: string | undefined;
  /** @default silent */
  readonly logger?: Logger | undefined;
}

/** The drivers of an application, as URLs without credentials. */
export interface AppDrivers {
  readonly layer: string;
  readonly broker: string;
  readonly results: string;
  readonly cache: string;
}

/** An application: its drivers and its tasks. */
export interface App extends AsyncDisposable {
  readonly name: string;
  readonly drivers: AppDrivers;
  readonly layer: ChannelLayer;
  readonly cache: Cache;
  readonly tasks: Tasks;
  /** Defines a task. See {@link Tasks.task}. */
  readonly task: Tasks["task"];
  /** Sends a task that is defined elsewhere. See {@link Tasks.sendTask}. */
  readonly sendTask: Tasks["sendTask"];
  /** Cancels a task. See {@link Tasks.cancel}. */
  readonly cancel: Tasks["cancel"];
  readonly results: Tasks["results"];
  /** Closes the drivers. */
  close(): Promise<void>;
}

const DEFAULT_BROKER = "sqlite:./data/tasks.db";

/**
 * Opens an application's drivers.
 *
 * @throws {TidingsError} APP_INVALID_URL for a URL that no driver knows, STORAGE_UNAVAILABLE when a
 *   file cannot be opened.
 */
export function createApp(options: AppOptions): App {
  const {
    name,
    layer: layerUrl = "memory:",
    broker: brokerUrl = DEFAULT_BROKER,
    results: resultsUrl = brokerUrl,
    cache: cacheUrl = "memory:",
    logger,
  } = options;
  const layer = openLayer(layerUrl);
  const cache = openCache(cacheUrl);
  const tasks = createTasks({ broker: brokerUrl, results: resultsUrl, logger });
  const close = async (): Promise<void> => {
    await Promise.all([tasks.close(), layer.close(), cache.close()]);
  };
  return {
    name,
    drivers: {
      layer: withoutCredentials(layerUrl),
      broker: withoutCredentials(brokerUrl),
      results: withoutCredentials(resultsUrl),
      cache: withoutCredentials(cacheUrl),
    },
    layer,
    cache,
    tasks,
    task: tasks.task.bind(tasks),
    sendTask: tasks.sendTask.bind(tasks),
    cancel: tasks.cancel.bind(tasks),
    results: tasks.results,
    close,
    [Symbol.asyncDispose]: close,
  };
}

function withoutCredentials(url: string): string {
  return url.replace(/\/\/[^/@]*@/, "//");
}
