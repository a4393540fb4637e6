import type { StandardSchemaV1 } from "@standard-schema/spec";

import type { BackoffOptions } from "../core/backoff.ts";
import { optionNames } from "../core/options.ts";
import type { CallOptions } from "./call-options.ts";
import type { PublishRetryOptions } from "./publish-retry.ts";
import type { InputTaskOptions, SendOptions, TaskOptions } from "./task.ts";
import type { TasksOptions } from "./tasks.ts";

const OF_CALLS = {
  queue: true,
  exchange: true,
  routingKey: true,
  priority: true,
  headers: true,
  expiresInMs: true,
  ignoreResult: true,
  serializer: true,
  compression: true,
  timeLimitMs: true,
  softTimeLimitMs: true,
  publishRetry: true,
} satisfies Record<keyof CallOptions, true>;

const OF_ONE_CALL = {
  ...OF_CALLS,
  countdownMs: true,
  eta: true,
  expires: true,
  taskId: true,
  link: true,
  linkError: true,
  shadow: true,
  rootId: true,
  parentId: true,
  groupId: true,
  groupIndex: true,
  replyTo: true,
} satisfies Record<keyof SendOptions, true>;

const OF_TASKS = {
  ...OF_CALLS,
  storeErrorsEvenIfIgnored: true,
  throws: true,
  maxRetries: true,
  autoRetryFor: true,
  dontAutoRetryFor: true,
  retryDelayMs: true,
  retryBackoff: true,
  rateLimit: true,
  concurrency: true,
  unique: true,
  debounceMs: true,
  throttleMs: true,
  callKey: true,
  parameters: true,
  deadLetter: true,
  input: true,
} satisfies Record<keyof TaskOptions | keyof InputTaskOptions<StandardSchemaV1>, true>;

/** The options that a route can have beside its tasks. */
export const CALL_OPTIONS: ReadonlySet<string> = new Set(Object.keys(OF_CALLS));

/** The options that one call can have. */
export const SEND_OPTIONS: ReadonlySet<string> = new Set(Object.keys(OF_ONE_CALL));

/** The options that a task can have. */
export const TASK_OPTIONS: ReadonlySet<string> = new Set(Object.keys(OF_TASKS));

/** The options that a set of tasks can have. */
export const TASKS_OPTIONS: ReadonlySet<string> = optionNames<TasksOptions>({
  broker: true,
  results: true,
  logger: true,
  defaultQueue: true,
  defaultPriority: true,
  inheritPriority: true,
  routes: true,
  maxMessageBytes: true,
  resultExpiresMs: true,
  tracebacks: true,
  worker: true,
  serializer: true,
  compression: true,
  accept: true,
  typedValues: true,
  tls: true,
  visibilityTimeoutMs: true,
  keyPrefix: true,
  resultKeyPrefix: true,
  queueType: true,
  maxPriority: true,
  deadLetters: true,
});

const OF_BACKOFF = {
  baseMs: true,
  maxMs: true,
  jitter: true,
  random: true,
} satisfies Record<keyof BackoffOptions, true>;

/** The options that the waits between retries can have. */
export const BACKOFF_OPTIONS: ReadonlySet<string> = new Set(Object.keys(OF_BACKOFF));

/** The options that another try of a broker can have. */
export const PUBLISH_RETRY_OPTIONS: ReadonlySet<string> = optionNames<PublishRetryOptions>({
  ...OF_BACKOFF,
  maxRetries: true,
});
