import { isRecord } from "../core/is-record.ts";
import { invalidOption } from "../core/options.ts";
import type { SlowConsumerPolicy } from "./consumer-options.ts";

/** Returns a policy for slow clients, or throws `OPTION_INVALID` when it is none. */
export function toSlowConsumerPolicy(
  policy: SlowConsumerPolicy = "disconnect",
): SlowConsumerPolicy {
  const given: unknown = policy;
  if (given === "disconnect" || given === "drop-oldest") return policy;
  if (isRecord(given) && typeof given["conflate"] === "function") return policy;
  const expected = '"disconnect", "drop-oldest", or an object with the function `conflate`';
  throw invalidOption("slowConsumer", expected, given);
}
