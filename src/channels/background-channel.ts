import type { StandardSchemaV1 } from "@standard-schema/spec";

import { backoffMs } from "../core/backoff.ts";
import { isTidingsError, toError } from "../core/errors.ts";
import type { Logger } from "../core/logger.ts";
import { SchemaError, validate } from "../core/schema.ts";
import type { ChannelLayer, LayerMessage } from "../layers/index.ts";
import type { BackgroundConsumer, BackgroundContext } from "./background-consumer.ts";

/** What a {@link BackgroundChannel} needs. */
export interface BackgroundChannelOptions {
  readonly name: string;
  readonly consumer: BackgroundConsumer;
  readonly layer: ChannelLayer;
  readonly logger: Logger;
  /** Ends the taking; what was taken is still handled. */
  readonly intake: AbortSignal;
  /** Fires when the handlers' time is over. */
  readonly signal: AbortSignal;
}

/** How a channel is doing. */
export interface BackgroundChannelStatus {
  readonly name: string;
  /** How many messages are being handled. */
  readonly running: number;
  /** How many handlers have returned, and how many have thrown. */
  readonly done: number;
  readonly failed: number;
  /** How many messages had no handler, or did not fit their schema. */
  readonly dropped: number;
  /** Since when the layer cannot be read, in milliseconds since 1970; `undefined` while it can. */
  readonly failingSince: number | undefined;
}

/** A layer that has not failed for this long while it is waited for works again. */
const SETTLED_MS = 5_000;
/** What is logged of a type that nobody knows. */
const MAX_TYPE_LENGTH = 100;

/**
 * Takes the messages of one channel and hands each to its handler.
 *
 * It asks the layer for a message only when fewer than `concurrency` are being handled: the rest stays
 * in the layer, for other processes. A layer that fails is asked again after a growing wait of at most
 * 5 s; an outage is logged when it begins and when it is over, not at each try.
 */
export class BackgroundChannel {
  readonly #options: BackgroundChannelOptions;
  readonly #context: BackgroundContext;
  readonly #running = new Set<Promise<void>>();
  readonly #counts = { done: 0, failed: 0, dropped: 0 };
  #failingSince: number | undefined;
  #onFree = (): void => {};

  constructor(options: BackgroundChannelOptions) {
    const { name: channelName, layer, logger, signal } = options;
    this.#options = options;
    this.#context = {
      channelName,
      signal,
      logger,
      send: (channel, message) => layer.send(channel, message),
      groupSend: (group, message) => layer.groupSend(group, message),
    };
  }

  get status(): BackgroundChannelStatus {
    return {
      name: this.#options.name,
      running: this.#running.size,
      ...this.#counts,
      failingSince: this.#failingSince,
    };
  }

  /** Takes and handles messages; settles when the intake has ended and the last handler is done. */
  async run(): Promise<void> {
    const { intake, consumer } = this.#options;
    let failures = 0;
    while (!intake.aborted) {
      if (this.#running.size >= consumer.concurrency) {
        await this.#whenFree();
        continue;
      }
      try {
        this.#launch(await this.#take());
        failures = 0;
      } catch (thrown) {
        if (intake.aborted || !this.#onFailure(thrown)) break;
        await this.#wait(backoffMs(failures++, { baseMs: 200, maxMs: 5_000 }));
      }
    }
    await Promise.all(this.#running);
  }

  async #take(): Promise<LayerMessage> {
    const { layer, name, intake } = this.#options;
    const settled =
      this.#failingSince === undefined
        ? undefined
        : setTimeout(() => this.#onRecovery(), SETTLED_MS).unref();
    try {
      const message = await layer.receive(name, { signal: intake });
      this.#onRecovery();
      return message;
    } finally {
      clearTimeout(settled);
    }
  }

  /** Returns whether trying again can help. */
  #onFailure(thrown: unknown): boolean {
    const { name, logger } = this.#options;
    const fields = { err: toError(thrown), channel: name };
    const isOver = isTidingsError(thrown, "LAYER_CLOSED");
    if (this.#failingSince === undefined) {
      this.#failingSince = Date.now();
      logger.error(
        fields,
        isOver ? "channel cannot be read any more" : "channel cannot be read; trying again",
      );
    } else logger.debug(fields, "channel still cannot be read");
    return !isOver;
  }

  #onRecovery(): void {
    if (this.#failingSince === undefined) return;
    const { name, logger } = this.#options;
    const outageMs = Date.now() - this.#failingSince;
    this.#failingSince = undefined;
    logger.info({ channel: name, outageMs }, "channel is read again");
  }

  /** Waits, but no longer than the intake goes on. */
  async #wait(waitMs: number): Promise<void> {
    const { intake } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    const end = (): void => resolve();
    const timer = setTimeout(end, waitMs);
    intake.addEventListener("abort", end, { once: true });
    await promise;
    clearTimeout(timer);
    intake.removeEventListener("abort", end);
  }

  /** Waits until a handler has ended. A race of them all would stay with the longest of them. */
  async #whenFree(): Promise<void> {
    await new Promise<void>((resolve) => (this.#onFree = resolve));
  }

  #launch(message: LayerMessage): void {
    const handled = this.#handle(message).finally(() => {
      this.#running.delete(handled);
      this.#onFree();
    });
    this.#running.add(handled);
  }

  /** The one place where a message ends, whatever becomes of it. Never rejects. */
  async #handle(message: LayerMessage): Promise<void> {
    const { name, consumer, logger } = this.#options;
    const { type } = message;
    const handler = consumer.handlers.get(type);
    if (!handler) {
      this.#counts.dropped += 1;
      // Nobody here has chosen this text.
      const shown = type.slice(0, MAX_TYPE_LENGTH);
      logger.error({ channel: name, type: shown }, "message without a handler dropped");
      return;
    }
    const event = await this.#read(message, handler.schema);
    if (event === undefined) return;
    try {
      await handler.handle(this.#context, event);
      this.#counts.done += 1;
    } catch (thrown) {
      this.#counts.failed += 1;
      logger.error({ err: toError(thrown), channel: name, type }, "handler failed");
    }
  }

  /** Returns the event that the schema makes of a message; `undefined` when it refuses it. */
  async #read(message: LayerMessage, schema: StandardSchemaV1): Promise<object | undefined> {
    const { name, logger } = this.#options;
    try {
      const fields = await validate(schema, message, `event \`${message.type}\``);
      return typeof fields === "object" ? { ...fields, type: message.type } : message;
    } catch (thrown) {
      this.#counts.dropped += 1;
      const issues = thrown instanceof SchemaError ? thrown.issues : undefined;
      const fieldsOfLog = { err: toError(thrown), issues, channel: name, type: message.type };
      logger.error(fieldsOfLog, "message that does not fit its schema dropped");
      return undefined;
    }
  }
}
