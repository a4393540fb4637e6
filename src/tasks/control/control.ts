import { assertDuration } from "../../core/options.ts";
import type { ControlChannel, ControlRequest } from "./control-channel.ts";

/** What to say to workers, and to which. */
export interface TellOptions {
  readonly arguments?: Readonly<Record<string, unknown>> | undefined;
  /** The names of the workers. @default all */
  readonly destination?: readonly string[] | undefined;
}

/** How to ask workers. */
export interface AskOptions extends TellOptions {
  /** How long to wait for answers; no longer than until all of `destination` have. @default 1_000 */
  readonly timeoutMs?: number | undefined;
}

/** No more answers than this are kept. */
const MAX_ANSWERS = 10_000;

/** Speaks to workers: ours, and on a broker of Celery's those in Python. */
export class Control {
  readonly #channel: ControlChannel;

  /** @internal Use `tasks.control`. */
  constructor(channel: ControlChannel) {
    this.#channel = channel;
  }

  /**
   * Says something to workers, without waiting for it to be done.
   *
   * @throws {TidingsError} STORAGE_UNAVAILABLE when the broker cannot be reached.
   */
  async tell(method: string, options: TellOptions = {}): Promise<void> {
    await this.#channel.send(toRequest(method, options));
  }

  /**
   * Asks workers, and returns what they answered by their names; those that are silent are missing.
   *
   * @throws {TidingsError} STORAGE_UNAVAILABLE when the broker cannot be reached.
   */
  async ask(method: string, options: AskOptions = {}): Promise<ReadonlyMap<string, unknown>> {
    const timeoutMs = assertDuration("timeoutMs", options.timeoutMs ?? 1_000);
    const answers = new Map<string, unknown>();
    const expected = options.destination?.length ?? MAX_ANSWERS;
    const { promise: done, resolve: finish } = Promise.withResolvers<void>();
    await using inbox = await this.#channel.openInbox(({ worker, value }) => {
      if (answers.size < MAX_ANSWERS) answers.set(worker, value);
      if (answers.size >= expected) finish();
    });
    const request = {
      ...toRequest(method, options),
      expiresAt: Date.now() + timeoutMs,
      replyTo: inbox.address,
    };
    await this.#channel.send(request);
    const timer = setTimeout(finish, timeoutMs);
    await done;
    clearTimeout(timer);
    return answers;
  }
}

function toRequest(
  method: string,
  { arguments: args = {}, destination }: TellOptions,
): ControlRequest {
  return {
    method,
    arguments: args,
    destination: destination ?? null,
    pattern: null,
    matcher: null,
    expiresAt: null,
    replyTo: null,
  };
}
