import { TidingsError, toError } from "../core/errors.ts";
import type { RedisReply } from "./redis.ts";

/** Redis quotes the arguments of a command it does not know: they may be secret. */
const QUOTED_ARGUMENTS = /,? with args beginning with:.*/s;

/** An error reply: Redis is there, and refuses the command. */
export class RedisRefusal extends TidingsError {
  /** The text of the reply, as `MOVED 42 127.0.0.1:7001`. */
  readonly reply: string;

  constructor(reply: string) {
    const text = reply.replace(QUOTED_ARGUMENTS, "");
    super("REDIS_FAILED", `redis refused the command: ${text}`);
    this.reply = text;
  }

  /** Whether the reply starts with the given word. */
  is(word: string): boolean {
    return this.reply.startsWith(word);
  }
}

/** Redis cannot be reached. */
export class RedisUnavailable extends TidingsError {
  /** Whether the command was written: then it may have run all the same. */
  readonly wasSent: boolean;

  constructor(message: string, { wasSent = false, cause }: UnavailableOptions = {}) {
    super("REDIS_UNAVAILABLE", message, cause === undefined ? undefined : { cause });
    this.wasSent = wasSent;
  }
}

interface UnavailableOptions {
  readonly wasSent?: boolean | undefined;
  readonly cause?: unknown;
}

/** What a client library threw: an error reply starts with its kind in capitals, as `WRONGTYPE …`. */
export function toLinkError(error: unknown): RedisRefusal | RedisUnavailable {
  if (error instanceof RedisRefusal) return error;
  const { name, message } = toError(error);
  const isRefusal = name === "ReplyError" || /^[A-Z]{2,}(?: |$)/.test(message);
  return isRefusal ? new RedisRefusal(message) : brokenError(error);
}

/** What becomes of commands whose replies have not come. */
export function brokenError(cause: unknown): RedisUnavailable {
  const message = "the connection to Redis broke while a command was under way";
  return new RedisUnavailable(message, { wasSent: true, cause });
}

/** The replies of MULTI, its commands and EXEC: what EXEC answered, or the first refusal. */
export async function toTransactionReplies(
  sent: readonly Promise<RedisReply>[],
): Promise<readonly RedisReply[]> {
  // The refusal of a single command says more than the EXECABORT that follows from it.
  const settled = await Promise.allSettled(sent);
  for (const reply of settled) if (reply.status === "rejected") throw toError(reply.reason);
  const last = settled.at(-1);
  const replies = last?.status === "fulfilled" ? last.value : null;
  if (!Array.isArray(replies)) throw new RedisRefusal("EXECABORT the transaction did not run");
  return replies;
}
