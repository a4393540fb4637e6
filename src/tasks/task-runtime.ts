import type { Logger } from "../core/logger.ts";
import type { Broker } from "./brokers/broker.ts";
import type { MessageFormat } from "./message/message-format.ts";
import type { Priority } from "./priority.ts";
import type { ResultStore } from "./results/result-store.ts";
import type { FindRoute } from "./routes.ts";
import type { TaskDefinition } from "./task.ts";

/** What callers and workers of one set of tasks have in common. */
export interface TaskRuntime {
  readonly broker: Broker;
  readonly results: ResultStore;
  /** The URLs of both, without secrets; or what kind they are. */
  readonly places: { readonly broker: string; readonly results: string };
  readonly logger: Logger;
  readonly defaultQueue: string;
  readonly defaultPriority: Priority | undefined;
  readonly inheritPriority: boolean;
  /** `undefined` when there are no routes. */
  readonly findRoute: FindRoute | undefined;
  readonly maxMessageBytes: number;
  readonly format: MessageFormat;
  readonly resultExpiresMs: number;
  /** Whether records tell where a task failed. */
  readonly tracebacks: boolean;
  /** Fires when the tasks are closed. */
  readonly closing: AbortSignal;
  /** The registered tasks by name. */
  readonly definitions: ReadonlyMap<string, TaskDefinition>;
}
