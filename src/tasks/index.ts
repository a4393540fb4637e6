/**
 * Background tasks: functions that are sent as messages, run by workers, and leave a record.
 *
 * Main words: `Tasks` (what is registered), `Task` (callable here, or sent with `delay`), `Broker` (where
 * messages wait), `ResultStore` (where records are kept), `Worker`, `AsyncResult`. Messages are Celery's;
 * only `message/` knows their form. Nothing in here knows of connections, groups or HTTP.
 *
 * @module
 */
export { AsyncResult, type GetOptions } from "./async-result.ts";
export type {
  Broker,
  CancelledMessage,
  Delivery,
  Publication,
  ExchangeAddress,
  Exchanges,
  PutBackOptions,
  Settle,
  Settlement,
  SharedBroker,
  TakeRequest,
} from "./brokers/broker.ts";
export type { QueueContents, QueueCount } from "./brokers/queue-contents.ts";
export { AmqpBroker, type AmqpBrokerOptions } from "./brokers/amqp.ts";
export { MemoryBroker, type MemoryBrokerOptions } from "./brokers/memory.ts";
export { RedisBroker, type RedisBrokerOptions } from "./brokers/redis.ts";
export { openBroker, type BrokerSettings } from "./brokers/open-broker.ts";
export { SqliteBroker, type SqliteBrokerOptions } from "./brokers/sqlite.ts";
export type { CallOptions } from "./call-options.ts";
export { cancelTask, type CancelOutcome } from "./cancel-task.ts";
export { CONTROL_ARGUMENTS } from "./control/control-arguments.ts";
export { Control, type AskOptions, type TellOptions } from "./control/control.ts";
export type {
  ControlChannel,
  ControlInbox,
  ControlReply,
  ControlRequest,
  ReplyAddress,
} from "./control/control-channel.ts";
export {
  DEAD_LETTER_REASONS,
  type DeadLetter,
  type DeadLetterOptions,
  type DeadLetterReason,
  type Death,
} from "./dead-letters/dead-letter.ts";
export type {
  DeadLetterBounds,
  DeadLetterPage,
  DeadLetterRequest,
  DeadLetterStore,
} from "./dead-letters/dead-letter-store.ts";
export {
  DeadLetters,
  type DeadLetterFilter,
  type DeadLetterList,
  type ListDeadLettersOptions,
} from "./dead-letters/dead-letters.ts";
export { currentTask, type CurrentTask } from "./current-task.ts";
export type { LimitKey } from "./limits/limit-key.ts";
export type { ConcurrencyOptions, LimitOptions, RateLimitOptions } from "./limits/limit-options.ts";
export type { UniqueDetails, UniqueOptions } from "./limits/unique-options.ts";
export type {
  Claim,
  Entrant,
  HeldSlot,
  KeyHolder,
  Limit,
  LimitStore,
  RateLimit,
  Refusal,
  SlotLimit,
  WaitingTask,
} from "./limits/limit-store.ts";
export { MemoryLimits, type MemoryLimitsOptions } from "./limits/memory.ts";
export type { ChordPart, ChordStore } from "./chords/chord-store.ts";
export type { ErrorClass, ErrorMatch } from "./error-match.ts";
export { GroupResult } from "./group-result.ts";
export { Ignore } from "./ignore.ts";
export { COMPRESSIONS } from "./message/compression.ts";
export { SERIALIZERS } from "./message/serializer.ts";
export type { MessageFormat } from "./message/message-format.ts";
export type { KeywordOptions } from "./keyword-arguments.ts";
export { CalendarDate, ClockTime, Decimal, Uuid } from "./message/typed-values.ts";
export type { EncodedMessage } from "./message/message.ts";
export type { CustomState } from "./results/custom-state.ts";
export { MemoryResults, type MemoryResultsOptions } from "./results/memory.ts";
export type { PublishRetry, PublishRetryOptions } from "./publish-retry.ts";
export { RedisResults, type RedisResultsOptions } from "./results/redis.ts";
export { openResults } from "./results/open-results.ts";
export type {
  ChangedRecords,
  ReplyQueue,
  ResultStore,
  SharedResults,
} from "./results/result-store.ts";
export { Results, type WatchOptions } from "./results/results.ts";
export { RpcResults, type RpcResultsOptions } from "./results/rpc.ts";
export { SqliteResults, type SqliteResultsOptions } from "./results/sqlite.ts";
export type { Priority, PriorityWord } from "./priority.ts";
export {
  pendingRecord,
  type TaskChild,
  type TaskError,
  type TaskLogLine,
  type TaskProgress,
  type TaskRecord,
  type TaskWorker,
} from "./results/task-record.ts";
export { Reject, type RejectRequest } from "./reject.ts";
export type {
  ClaimedEntry,
  Delivered,
  OutboxBacklog,
  OutboxEntry,
  OutboxStore,
} from "./outbox/outbox-store.ts";
export { Outbox, type OutboxOptions } from "./outbox/outbox.ts";
export { OutboxWriter } from "./outbox/outbox-writer.ts";
export {
  PostgresOutbox,
  type PostgresClient,
  type PostgresListener,
  type PostgresOutboxOptions,
} from "./outbox/postgres.ts";
export { SqliteOutbox } from "./outbox/sqlite.ts";
export { Retry, type RetryOptions, type RetryRequest } from "./retry.ts";
export type { Route, RoutedCall, RouteFunction } from "./routes.ts";
export { SentPartlyError, type SendOutcome } from "./send-many.ts";
export { Signature, type SignatureParts } from "./signature.ts";
export { isFinal, TASK_STATES, type TaskState } from "./states.ts";
export type { InputTaskOptions, LastOf, SendOptions, Task, TaskOptions } from "./task.ts";
export {
  createTasks,
  Tasks,
  type NamedCall,
  type SendTaskOptions,
  type TaskSettings,
  type TasksOptions,
} from "./tasks.ts";
export type { SharedTransaction } from "../core/shared-transaction.ts";
export type { ChildrenOptions, PoolOptions } from "./worker/pools/open-pool.ts";
export type { TimeLimitOptions } from "./worker/time-limits.ts";
export type { AutoscaleBounds } from "./worker/autoscale.ts";
export { Worker, type WorkerHealth } from "./worker/worker.ts";
export {
  hearStrayErrors,
  STRAY_REJECTION,
  type StrayErrorListener,
} from "./worker/stray-errors.ts";
export type { WorkerDefaults, WorkerOptions } from "./worker/worker-options.ts";
