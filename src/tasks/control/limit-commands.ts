import { isTidingsError } from "../../core/errors.ts";
import { toRateRule } from "../limits/limit-options.ts";
import { readSeconds, readText } from "./command-arguments.ts";
import type { ControlCommand } from "./controlled-worker.ts";
import { errorAnswer } from "./error-answer.ts";

const UNKNOWN_TASK = { error: "unknown task" };

/** Changes how often a worker runs a task. */
export const changeRateLimit: ControlCommand = (worker, args) => {
  const task = readText("task_name", args["task_name"]);
  const rate = args["rate_limit"];
  const text = isNothing(rate) ? null : String(rate).slice(0, 100);
  try {
    if (text !== null) toRateRule(task, text);
  } catch (error) {
    if (!isTidingsError(error, "OPTION_INVALID")) throw error;
    return {
      error: `Invalid rate limit string: ${errorAnswer("ValueError", error.message).error}`,
    };
  }
  if (!worker.runtime.definitions.has(task)) return UNKNOWN_TASK;
  worker.setRateLimit(task, text);
  return {
    ok: rate ? "new rate limit set successfully" : "rate limit disabled successfully",
  };
};

/** Changes how long runs of a task may take that begin from now on. */
export const changeTimeLimits: ControlCommand = (worker, args) => {
  const task = readText("task_name", args["task_name"]);
  const timeLimitMs = readSeconds("hard", args["hard"]);
  const softTimeLimitMs = readSeconds("soft", args["soft"]);
  if (!worker.runtime.definitions.has(task)) return UNKNOWN_TASK;
  worker.setTimeLimits(task, { timeLimitMs, softTimeLimitMs });
  return { ok: "time limits set successfully" };
};

/** Celery's words for "as often as it can": nothing, or none in whatever time. */
function isNothing(rate: unknown): boolean {
  return !rate || (typeof rate === "string" && /^0+(\.0+)?(\/[smh])?$/.test(rate));
}
