import type { SharedTransaction } from "../../core/shared-transaction.ts";
import type { ControlChannel } from "../control/control-channel.ts";
import type { RevokedTasks } from "../control/revoked-tasks.ts";
import type { DeadLetterStore } from "../dead-letters/dead-letter-store.ts";
import type { Death } from "../dead-letters/dead-letter.ts";
import type { LimitStore, WaitingTask } from "../limits/limit-store.ts";
import type { EncodedMessage } from "../message/message.ts";
import type { ResultStore } from "../results/result-store.ts";
import type { TaskRecord } from "../results/task-record.ts";
import type { QueueContents } from "./queue-contents.ts";

/**
 * A message that was handed to one worker for a while: leased.
 *
 * `id` and `runs` together are the lease: whoever took the same message later has a higher `runs`.
 */
export interface Delivery {
  readonly id: string;
  readonly queue: string;
  readonly message: EncodedMessage;
  /** How often the message has been taken, this time included. Retries go on counting. */
  readonly runs: number;
  /** How often a lease of it ran out, because its worker died. */
  readonly lostLeases: number;
  /** Whether somebody cancelled it before it was taken. */
  readonly cancelled: boolean;
}

/** An exchange, and what it finds queues by. */
export interface ExchangeAddress {
  readonly exchange: string;
  readonly routingKey: string;
}

/** What finds queues for messages. */
export interface Exchanges {
  /**
   * Keeps a message in each queue that an exchange finds.
   *
   * @throws {TidingsError} TASK_UNROUTABLE when it finds none.
   */
  publish(address: ExchangeAddress, message: EncodedMessage, dueAt?: number): Promise<void>;
}

/** What a worker asks for. */
export interface TakeRequest {
  readonly queues: readonly string[];
  /** At most so many messages. */
  readonly limit: number;
  /** How long the lease holds unless it is renewed, in milliseconds. */
  readonly leaseMs: number;
}

/** How a delivered message goes back into its queue. */
export interface PutBackOptions {
  /** What to keep in its place: its next try. The same message when absent. */
  readonly message?: EncodedMessage | undefined;
  /** Where the replacement waits. @default the queue that it came from */
  readonly queue?: string | undefined;
  /** When it may be taken again, in milliseconds since 1970. @default at once */
  readonly dueAt?: number | undefined;
}

/** A message that is to be published. */
export interface Publication {
  readonly queue: string;
  readonly message: EncodedMessage;
  /** When it may be taken, in milliseconds since 1970; `undefined` for at once. */
  readonly dueAt?: number | undefined;
}

/** How a run ended: what is recorded, and what becomes of the message. */
export interface Settlement {
  /** `null` when nothing is to be recorded. */
  readonly record: TaskRecord | null;
  /** Puts the message back instead of acknowledging it. */
  readonly retry: PutBackOptions | null;
  /** Makes the message a dead letter, where there are any, instead of forgetting it. */
  readonly death?: Death | null | undefined;
  /** What comes after it, sent once at least if the delivery ends. Those whose id is held already count as sent. */
  readonly sends?: readonly Publication[] | undefined;
}

/** Stores the record, if there is one, and ends the delivery; `false` when the lease is lost, and nothing was stored. */
export type Settle = (delivery: Delivery, settlement: Settlement) => Promise<boolean>;

/** What `cancel` found; `null` where the broker cannot look into its queues. */
export interface CancelledMessage {
  readonly queue: string | null;
  readonly message: EncodedMessage | null;
  /** Whether a worker has it right now. */
  readonly running: boolean;
}

/**
 * What holds the messages of tasks until they are done.
 *
 * | a message is | what is true | what leaves it |
 * | --- | --- | --- |
 * | delayed | its time has not come | its time, `hasten`, `cancel` → waiting; `discard`, if it is cancelled |
 * | waiting | it can be taken | `take` → leased; `discard`, if it is cancelled; `contents.purge` |
 * | leased | one worker has it, which renews the lease | `acknowledge` → gone; `putBack` → waiting or delayed; `bury` → dead; the lease runs out, and `reclaim` sees it → waiting |
 * | dead | it is a dead letter, where there are any | sent again → waiting; discarded, or beyond its bounds → gone |
 *
 * `src/testing/cases/broker.ts` checks each sentence against every driver.
 *
 * - A published message MUST be kept until it is acknowledged or discarded; when `publish` resolves it
 *   is as durable as the driver promises.
 * - `publish` MUST return `false` and change nothing when it holds a message of the same id.
 * - `take` MUST hand a message to one taker at a time, MUST NOT hand it out before its `dueAt`, and
 *   MUST hand messages of one queue out by their priority, `firstPriority` first, and those of one
 *   priority in the order in which they became due. Neighbouring numbers MAY count as one priority.
 * - `take` and `nextDueAt` MUST find nothing when they are asked for no queue.
 * - A lease MUST hold for `leaseMs` after `take` or the last `renew`. `reclaim` MUST end the leases that
 *   ran out and count them in `lostLeases`; the messages can then be taken again.
 * - Whoever lost a lease MUST be refused: `acknowledge` and `putBack` then return `false` and change
 *   nothing, `renew` names it.
 * - `putBack` MUST end the lease, and keep the message or its replacement, due when it says and in the
 *   queue that it says. The same message that is to come later has only waited: that MUST NOT count among its `runs`.
 * - `cancel` MUST mark a message, and make it due at once if no worker has it, so that the mark is seen
 *   even if the canceller dies. `discard` MUST remove a marked message that no worker has, and nothing
 *   else.
 * - `hasten` MUST make messages due at once that nobody has, and nothing else.
 * - `onChange` MUST be called when a message may have become takeable or was cancelled: at once for
 *   changes of this process, within 100 ms for those of others. Needless calls are allowed.
 * - What is in a message is not the broker's business: broken ones are handed out like others.
 *
 * Delivery: at least once.
 */
export interface Broker extends AsyncDisposable {
  /** Keeps a message, to be taken from `queue` when it is due. */
  publish(queue: string, message: EncodedMessage, dueAt?: number): Promise<boolean>;
  /** Leases the messages that are due. */
  take(request: TakeRequest): Promise<readonly Delivery[]>;
  /** When the next message that nobody has becomes due, or `null` when there is none. */
  nextDueAt(queues: readonly string[]): Promise<number | null>;
  /** Extends leases; returns those that are lost. */
  renew(deliveries: readonly Delivery[], leaseMs: number): Promise<readonly Delivery[]>;
  /**
   * Ends a lease as if its worker had died: the message can be taken again after `waitMs`, and the loss is counted.
   *
   * For brokers whose leases have no time; elsewhere a lease that is renewed for so long does it.
   */
  loseLease?(delivery: Delivery, waitMs: number): Promise<void>;
  /** Ends the leases that ran out; returns how many. */
  reclaim(): Promise<number>;
  /** Removes a message that is done. */
  acknowledge(delivery: Delivery): Promise<boolean>;
  /** Gives a message back: for a retry, or because the worker stops. */
  putBack(delivery: Delivery, options?: PutBackOptions): Promise<boolean>;
  /** Marks a message as cancelled; `null` when there is none of this id. */
  cancel(id: string): Promise<CancelledMessage | null>;
  /** Removes a cancelled message that nobody has. */
  discard(id: string): Promise<void>;
  /** The leased messages that are cancelled. */
  listCancelled(): Promise<readonly string[]>;
  /** What lies in its queues. */
  readonly contents: QueueContents;
  /** What its workers gave up. Without them only the record tells of it. */
  readonly deadLetters?: DeadLetterStore | undefined;
  /** How its workers are spoken to. */
  readonly control: ControlChannel;
  /** The ids that were revoked, where it cannot mark the messages themselves. */
  readonly revoked?: RevokedTasks | undefined;
  /** Whether a worker that starts later may not hear of what was cancelled before: the records tell. */
  readonly forgetsCancelled?: boolean | undefined;
  /** Why it cannot be reached just now, if it knows: what is asked of it waits for a while before it fails. */
  readonly trouble?: Error | undefined;
  /** Calls the listener when there may be something to take or to cancel. */
  onChange(listener: () => void): () => void;
  /** Makes new connections for taking, since the ones it has may have gone deaf; leases stay. */
  reconnect?(): Promise<void>;
  /** Ends the use of the broker. */
  close(): Promise<void>;
  /** How an exchange is published to, where there are exchanges. */
  readonly exchanges?: Exchanges | undefined;
  /** The priority whose messages come first. @default 0 */
  readonly firstPriority?: 0 | 9 | undefined;
  /** Makes messages due at once that wait for their time, if the broker can find them. */
  hasten?(tasks: readonly WaitingTask[]): Promise<void>;
  /** The time that due times are compared with, in milliseconds. @default Date.now */
  now?(): number;
  /** What counts runs and calls, in the same place. @default that of the results */
  readonly limits?: LimitStore | undefined;
  /** Returns how to settle with these results in one step, when both are in the same place. */
  settleWith?(results: ResultStore): Settle | undefined;
  /** What can end a delivery in the same transaction as a record is stored. */
  readonly shared?: SharedBroker | undefined;
}

/** The part of a broker that joins a transaction which others started. */
export interface SharedBroker {
  readonly transaction: SharedTransaction;
  /** `acknowledge`, inside the transaction. */
  acknowledge(delivery: Delivery): boolean;
  /** `putBack`, inside the transaction. */
  putBack(delivery: Delivery, options?: PutBackOptions): boolean;
  /** Makes a delivery a dead letter, inside the transaction. */
  bury(delivery: Delivery, death: Death): boolean;
  /** `publish`, inside the transaction. */
  publish(publication: Publication): boolean;
}
