import type { Payload, SlowConsumerPolicy } from "../channels/index.ts";
import type { HoldingPolicy } from "./holding-outbox.ts";

/** Tells the key of a payload to be conflated; nothing when it must not make way. */
export type ConflationKey = (payload: Payload) => string | undefined;

/** What a consumer's policy asks of an outbox. */
export function holdingPolicy(policy: SlowConsumerPolicy): "disconnect" | HoldingPolicy {
  return typeof policy === "string" ? policy : "conflate";
}

/** One for each consumer, so that a key is found once for all its connections. */
const keysOf = new WeakMap<object, ConflationKey>();

/**
 * What tells the key of a consumer's payload, if its policy is to conflate.
 *
 * Bytes and text have no key, nor has data for which `conflate` throws: such messages stay.
 */
export function conflationKey(policy: SlowConsumerPolicy): ConflationKey | undefined {
  if (typeof policy === "string") return undefined;
  let keyOf = keysOf.get(policy);
  if (!keyOf) keysOf.set(policy, (keyOf = rememberLast(policy.conflate)));
  return keyOf;
}

/** Everybody is handed the very same payload, one right after the other. */
function rememberLast(conflate: (data: unknown) => string | undefined): ConflationKey {
  let last: Payload | undefined;
  let key: string | undefined;
  return (payload) => {
    if (payload !== last) {
      key = "json" in payload ? toKey(conflate, payload.json) : undefined;
      last = payload;
    }
    return key;
  };
}

function toKey(conflate: (data: unknown) => string | undefined, json: string): string | undefined {
  try {
    return conflate(JSON.parse(json));
  } catch {
    return undefined; // as for data without a key: the message is sent, which loses nothing
  }
}
