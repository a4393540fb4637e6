import { TidingsError } from "../core/errors.ts";

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
