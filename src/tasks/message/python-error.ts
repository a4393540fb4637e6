import { isRecord } from "../../core/is-record.ts";
import type { TaskError } from "../results/task-record.ts";
import { pythonRepr, tupleRepr } from "./python-repr.ts";

/** An exception as Celery stores it. */
export interface PythonError {
  /** The name of the class. */
  readonly exc_type: string;
  /** What it was made with. */
  readonly exc_message: readonly unknown[];
  /** Where the class is. */
  readonly exc_module: string;
}

/**
 * Returns what Python shall make of an error of ours.
 *
 * Where Python has a class for it, that one; else Python makes a class of the same name. `taskName` is
 * what a TASK_NOT_REGISTERED is about.
 */
export function toPythonError(
  { type, message }: TaskError,
  taskName: string | null = null,
): PythonError {
  switch (type) {
    case "TASK_CANCELLED":
      return celeryError("TaskRevokedError", revokedReason(message));
    case "ChordError":
    case "MaxRetriesExceededError":
    case "NotRegistered":
    case "TaskRevokedError":
      return celeryError(type, message);
    case "TASK_NOT_REGISTERED":
      return celeryError("NotRegistered", taskName ?? message);
    case "TASK_TIME_LIMIT":
      return billiardError("TimeLimitExceeded", toLimit(message));
    case "TASK_SOFT_TIME_LIMIT":
      return billiardError("SoftTimeLimitExceeded");
    case "TASK_WORKER_LOST":
      return billiardError("WorkerLostError", message);
    default: {
      const builtin = BUILTINS.get(type);
      return {
        exc_type: builtin ?? type,
        exc_message: [message],
        exc_module: builtin ? "builtins" : "tidings",
      };
    }
  }
}

/**
 * Reads an exception that Celery stored: its class and its message, as Python's `str` gives it.
 *
 * What is none becomes the message of an `Exception`. Celery 4 stored one text as `exc_message`.
 */
export function fromPythonError(stored: unknown): TaskError {
  const { exc_type: type, exc_message: args } = isRecord(stored)
    ? stored
    : { exc_type: null, exc_message: stored };
  return {
    type: typeof type === "string" && type !== "" ? type : "Exception",
    message: Array.isArray(args) ? toMessage(args) : toMessage([args ?? ""]),
  };
}

function toMessage(args: readonly unknown[]): string {
  const [first = ""] = args;
  if (args.length > 1) return tupleRepr(args);
  return typeof first === "string" ? first : pythonRepr(first);
}

function celeryError(type: string, message: string): PythonError {
  return { exc_type: type, exc_message: [message], exc_module: "celery.exceptions" };
}

/** "hard limit `{TimeLimitExceeded,[limit],billiard.exceptions}`". */
function billiardError(type: string, ...args: readonly unknown[]): PythonError {
  return { exc_type: type, exc_message: args, exc_module: "billiard.exceptions" };
}

/** The seconds that a message ends with. */
function toLimit(message: string): number | string {
  const [, seconds] = /([\d.]+) s$/.exec(message) ?? [];
  return seconds === undefined ? message : Number(seconds);
}

/** "`TaskRevokedError`, `revoked` | `terminated` | `expired`". */
function revokedReason(message: string): string {
  if (message.includes("expired")) return "expired";
  return message.includes("while it ran") ? "terminated" : "revoked";
}

/** Errors that have a class among Python's own: only names that surely are exceptions there. */
const BUILTINS: ReadonlyMap<string, string> = new Map([
  ["Error", "Exception"],
  ["RangeError", "ValueError"],
  ["URIError", "ValueError"],
  ["ReferenceError", "NameError"],
  ["AbortError", "InterruptedError"],
  ...[
    "TypeError",
    "SyntaxError",
    "TimeoutError",
    "ValueError",
    "KeyError",
    "IndexError",
    "LookupError",
    "AttributeError",
    "RuntimeError",
    "NotImplementedError",
    "ArithmeticError",
    "ZeroDivisionError",
    "OverflowError",
    "AssertionError",
    "PermissionError",
    "ConnectionError",
    "FileNotFoundError",
    "Exception",
  ].map((name): [string, string] => [name, name]),
]);
