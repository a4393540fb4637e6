import type { Broker, Delivery, Settle, Settlement, SharedBroker } from "../brokers/broker.ts";
import type { ResultStore } from "../results/result-store.ts";
import type { TaskRecord } from "../results/task-record.ts";

/**
 * Returns how runs are settled with this broker and this result store.
 *
 * In one step when both are in one place. Otherwise the lease is checked, the record stored, what comes
 * after it sent, and the delivery ended last: whoever dies in between has the task run again, but its record stays, since a
 * final record is never changed.
 */
export function createSettle(broker: Broker, results: ResultStore): Settle {
  const settle = broker.settleWith?.(results);
  if (settle) return settle;
  const { shared } = broker;
  const sharedResults = results.shared;
  if (!shared || shared.transaction !== sharedResults?.transaction) return inSteps(broker, results);
  return (delivery, settlement) =>
    shared.transaction.run(() => {
      const { record, sends = [] } = settlement;
      if (!endIn(shared, delivery, settlement)) return false;
      if (record) sharedResults.store(record);
      for (const publication of sends) shared.publish(publication);
      return true;
    });
}

function endIn(shared: SharedBroker, delivery: Delivery, { retry, death }: Settlement): boolean {
  if (retry) return shared.putBack(delivery, retry);
  return death ? shared.bury(delivery, death) : shared.acknowledge(delivery);
}

/** Long enough for one store and one acknowledgement. */
const SETTLE_LEASE_MS = 10_000;

function inSteps(broker: Broker, results: ResultStore): Settle {
  const end = (delivery: Delivery, { retry, death }: Settlement): Promise<boolean> => {
    if (retry) return broker.putBack(delivery, retry);
    if (death && broker.deadLetters) return broker.deadLetters.bury(delivery, death);
    return broker.acknowledge(delivery);
  };
  return async (delivery, settlement) => {
    const { record, sends = [] } = settlement;
    const lost = await broker.renew([delivery], SETTLE_LEASE_MS);
    if (lost.length > 0) return false;
    const { replyTo = null } = delivery.message.properties;
    if (settlement.retry) {
      // The record of a retry tells that its message was sent: whoever has the old one drops it then.
      const ended = await end(delivery, settlement);
      if (ended && record) await results.store(record, replyTo);
      return ended;
    }
    const isStored =
      record === null || (await results.store(record, replyTo)) || (await isOwn(results, record));
    // Also when another run has ended the task: this message is one too many, and what comes after the
    // task may not have been sent.
    for (const { queue, message, dueAt } of sends) await broker.publish(queue, message, dueAt);
    return (await end(delivery, settlement)) && isStored;
  };
}

/** Whether what is stored already is this very record: whoever stored it was cut off before it knew. */
async function isOwn(results: ResultStore, record: TaskRecord): Promise<boolean> {
  const stored = await results.get(record.id);
  // A copy of the message runs under a lease of the same number.
  return (
    stored?.runs === record.runs &&
    stored.finishedAt === record.finishedAt &&
    stored.worker?.name === record.worker?.name &&
    stored.worker?.pid === record.worker?.pid
  );
}
