import type { EncodedMessage } from "../../message/message.ts";
import type { TaskProgress } from "../../results/task-record.ts";
import type { ErrorMessage } from "./error-message.ts";
import type { RunFacts } from "./to-current-task.ts";

/** What a pool tells the thread or process that runs its tasks. */
export type ToChild =
  /** Run this; one at a time. */
  | { readonly kind: "run"; readonly encoded: EncodedMessage; readonly facts: RunFacts }
  /** Fire the signal of what runs. */
  | { readonly kind: "abort"; readonly reason: ErrorMessage }
  /** Close what the module has opened, and end. */
  | { readonly kind: "exit" };

/** What a thread or process tells its pool. */
export type FromChild =
  | { readonly kind: "ready" }
  /** The module cannot be used; the child ends. */
  | { readonly kind: "unusable"; readonly error: ErrorMessage }
  /** What the task has said since the last time. */
  | {
      readonly kind: "said";
      readonly progress: TaskProgress | undefined;
      /** As JSON with typed values. */
      readonly custom: string | undefined;
      readonly lines: readonly string[];
      readonly children: readonly string[];
    }
  /** A promise was rejected, and nobody handles it; or a callback threw for which no task is to blame. */
  | { readonly kind: "stray"; readonly error: ErrorMessage }
  /** The task has ended: its result as JSON with typed values, or its error. */
  | {
      readonly kind: "ended";
      readonly result: string | null;
      readonly error: ErrorMessage | null;
      /** What the child holds, in bytes. */
      readonly memoryBytes: number;
      /** What it holds may be half-done: another child is to take its place. */
      readonly isSpent: boolean;
    };

const KINDS_TO_CHILD: ReadonlySet<unknown> = new Set<ToChild["kind"]>(["run", "abort", "exit"]);
const KINDS_FROM_CHILD: ReadonlySet<unknown> = new Set<FromChild["kind"]>([
  "ready",
  "unusable",
  "said",
  "stray",
  "ended",
]);

/** Whether a message is ours: a module may send messages of its own over the channel of its process. */
export function isToChild(value: unknown): value is ToChild {
  return isOneOf(KINDS_TO_CHILD, value);
}

/** Whether a message is ours, as in {@link isToChild}. */
export function isFromChild(value: unknown): value is FromChild {
  return isOneOf(KINDS_FROM_CHILD, value);
}

function isOneOf(kinds: ReadonlySet<unknown>, value: unknown): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    "tidings" in value &&
    value.tidings === true &&
    "kind" in value &&
    kinds.has(value.kind)
  );
}

/** Marks a message as ours. */
export function toEnvelope<T extends ToChild | FromChild>(
  message: T,
): T & { readonly tidings: true } {
  return { ...message, tidings: true };
}
