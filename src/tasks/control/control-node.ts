import type { Logger } from "../../core/logger.ts";
import { CONTROL_COMMANDS } from "./commands.ts";
import type { ControlRequest } from "./control-channel.ts";
import type { ControlledWorker } from "./controlled-worker.ts";
import { errorAnswer, toErrorAnswer } from "./error-answer.ts";

/** Who answers for more than this at the same time lets further requests go unanswered. */
const MAX_ANSWERING = 100;
/** A pattern of worker names is no longer than this. */
const MAX_PATTERN_LENGTH = 255;

/**
 * A worker as it is spoken to: hears requests, carries out those that are for it, and answers.
 *
 * Nothing that comes can harm it: what it does not know, or fails, is answered with an error, and what
 * has expired is dropped.
 */
export class ControlNode {
  readonly #worker: ControlledWorker;
  readonly #logger: Logger;
  #leave: (() => void) | undefined;
  #isStarting = false;
  #isClosed = false;
  #answering = 0;

  constructor(worker: ControlledWorker, logger: Logger) {
    this.#worker = worker;
    this.#logger = logger;
  }

  /** Begins to hear, unless it does already. Never rejects: a worker calls it again and again. */
  async listen(): Promise<void> {
    if (this.#leave || this.#isStarting || this.#isClosed) return;
    this.#isStarting = true;
    try {
      const leave = await this.#worker.broker.control.listen((request) => void this.#hear(request));
      if (this.#isClosed) leave();
      else this.#leave = leave;
    } catch (error) {
      this.#logger.debug({ err: error }, "control messages cannot be heard yet");
    } finally {
      this.#isStarting = false;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#leave?.();
    this.#leave = undefined;
  }

  /** Never rejects. */
  async #hear(request: ControlRequest): Promise<void> {
    if (this.#isClosed || !isFor(this.#worker.name, request)) return;
    if (request.expiresAt !== null && request.expiresAt < Date.now()) return;
    if (this.#answering >= MAX_ANSWERING) return;
    this.#answering++;
    try {
      const value = await this.#carryOut(request);
      if (!request.replyTo || request.method === "shutdown") return;
      const { name: worker, broker } = this.#worker;
      await broker.control.reply(request.replyTo, { worker, value });
    } catch (error) {
      this.#logger.warn(
        { err: error, method: request.method },
        "a control message went unanswered",
      );
    } finally {
      this.#answering--;
    }
  }

  async #carryOut({ method, arguments: args }: ControlRequest): Promise<unknown> {
    const command = Object.hasOwn(CONTROL_COMMANDS, method) ? CONTROL_COMMANDS[method] : undefined;
    if (!command) return errorAnswer("KeyError", method.slice(0, 255));
    try {
      return await command(this.#worker, args);
    } catch (thrown) {
      return toErrorAnswer(thrown);
    }
  }
}

/** Whether a request is for the worker of this name. */
function isFor(name: string, { destination, pattern, matcher }: ControlRequest): boolean {
  if (destination) return destination.includes(name);
  if (pattern === null || matcher === null) return true;
  if (pattern.length > MAX_PATTERN_LENGTH) return false;
  const source = matcher === "glob" ? `${fromGlob(pattern)}$` : pattern;
  try {
    return new RegExp(`^(?:${source})`).test(name);
  } catch {
    return false;
  }
}

/** `*`, `?` and `[…]`, as a shell has them. */
function fromGlob(pattern: string): string {
  return pattern
    .replaceAll(/[.+^${}()|\\]/g, "\\$&")
    .replaceAll("[!", "[^")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
}
