import {
  assertKnownOptions,
  assertPositiveInteger,
  invalidOption,
  optionNames,
} from "../../core/options.ts";
import { assertKey, toStoredKey, type CallArguments, type LimitKey } from "./limit-key.ts";
import type { Limit } from "./limit-store.ts";
import { toUniqueRule, type UniqueOptions, type UniqueRule } from "./unique-options.ts";

/** How often and how much at once a task runs. */
export interface LimitOptions extends UniqueOptions {
  /** How often it is run: `"10/s"`, `"100/m"`, `"1000/h"` for each worker, as Celery has it; or in detail. */
  readonly rateLimit?: string | RateLimitOptions | undefined;
  /** How many of it run at the same time, in all workers together. */
  readonly concurrency?: ConcurrencyOptions | undefined;
}

/** How often a task is run. */
export interface RateLimitOptions {
  /** So many runs, evenly spread, */
  readonly count: number;
  /** in so many milliseconds. */
  readonly perMs: number;
  /** Of each worker by itself, or of all together. @default "worker" */
  readonly scope?: "worker" | "global" | undefined;
  /** Calls with different keys do not count together. @default all do */
  readonly key?: LimitKey | undefined;
}

/** How many of a task run at the same time. */
export interface ConcurrencyOptions {
  /** So many runs at the same time. */
  readonly limit: number;
  /** Calls with different keys do not count together. @default all do */
  readonly key?: LimitKey | undefined;
}

const RATE_NAMES = optionNames<RateLimitOptions>({
  count: true,
  perMs: true,
  scope: true,
  key: true,
});
const SLOT_NAMES = optionNames<ConcurrencyOptions>({ limit: true, key: true });

/** One limit of a task. */
export interface LimitRule {
  readonly kind: Limit["kind"];
  readonly scope: "worker" | "global";
  /** What a call must get past. */
  toLimit(call: CallArguments): Limit;
}

/**
 * Returns the limits of a task; none for most.
 *
 * @throws {TidingsError} OPTION_INVALID when they make no sense.
 */
export function toLimitRules(
  task: string,
  { rateLimit, concurrency, unique }: LimitOptions,
): readonly LimitRule[] {
  const rule = toUniqueRule(task, { unique });
  return [
    ...(rule?.mode === "running" ? [toAloneRule(rule)] : []),
    ...(concurrency === undefined ? [] : [toSlotRule(task, concurrency)]),
    ...(rateLimit === undefined ? [] : [toRateRule(task, rateLimit)]),
  ];
}

/**
 * Returns the limit that a rate makes, in Celery's words or in detail.
 *
 * @throws {TidingsError} OPTION_INVALID when it makes no sense.
 */
export function toRateRule(task: string, rateLimit: string | RateLimitOptions): LimitRule {
  const options = typeof rateLimit === "string" ? parseRate(rateLimit) : checkRate(rateLimit);
  const { count, perMs, scope = "worker", key = allTogether } = options;
  const owner = { task, purpose: "rateLimit" };
  return {
    kind: "rate",
    scope,
    toLimit: ({ args, kwargs }) => ({
      kind: "rate",
      key: toStoredKey(owner, key(args, kwargs)),
      count,
      perMs,
    }),
  };
}

function toSlotRule(task: string, options: ConcurrencyOptions): LimitRule {
  assertKnownOptions("`concurrency`", options, SLOT_NAMES);
  const { limit, key = allTogether } = options;
  const slots = assertPositiveInteger("concurrency.limit", limit);
  assertKey("concurrency.key", key);
  const owner = { task, purpose: "concurrency" };
  return {
    kind: "slots",
    scope: "global",
    toLimit: ({ args, kwargs }) => ({
      kind: "slots",
      key: toStoredKey(owner, key(args, kwargs)),
      slots,
    }),
  };
}

/** Of what is unique while it runs, one runs. */
function toAloneRule(rule: UniqueRule): LimitRule {
  return {
    kind: "slots",
    scope: "global",
    toLimit: (call) => ({ kind: "slots", key: rule.toUnique(call).key, slots: 1 }),
  };
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };

/** "The rate limits can be specified in seconds, minutes or hours by appending /s, /m or /h". */
function parseRate(text: string): RateLimitOptions {
  const [, digits = "", unit = "s"] = /^(\d+(?:\.\d+)?)(?:\/([smh]))?$/.exec(text) ?? [];
  const count = Number(digits);
  if (count > 0) return { count, perMs: UNIT_MS[unit] ?? 1_000 };
  throw invalidOption("rateLimit", 'a rate above 0 such as "10/s", "100/m" or "1000/h"', text);
}

function checkRate(options: RateLimitOptions): RateLimitOptions {
  assertKnownOptions("`rateLimit`", options, RATE_NAMES);
  const { count, perMs, scope, key } = options;
  assertPositiveInteger("rateLimit.count", count);
  assertPositiveInteger("rateLimit.perMs", perMs);
  if (scope !== undefined && scope !== "worker" && scope !== "global") {
    throw invalidOption("rateLimit.scope", '"worker" or "global"', scope);
  }
  if (key !== undefined) assertKey("rateLimit.key", key);
  return options;
}

function allTogether(): string {
  return "";
}
