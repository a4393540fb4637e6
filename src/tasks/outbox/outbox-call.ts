import { TidingsError } from "../../core/errors.ts";
import { isRecord } from "../../core/is-record.ts";
import type { Broker } from "../brokers/broker.ts";
import { readProperties, writeProperties } from "../message/properties.ts";
import { markRedelivered } from "../message/redelivered.ts";
import type { PreparedCall } from "../prepare-call.ts";
import { publish } from "../send.ts";
import type { OutboxEntry } from "./outbox-store.ts";

/** What of a prepared call is written down. */
type StoredCall = Pick<PreparedCall, "queue" | "exchange" | "message" | "dueAt">;

/** Writes down a call that is ready to be sent. */
export function writeCall({ id, queue, exchange, message, dueAt }: PreparedCall): OutboxEntry {
  const { body, properties, ...rest } = message;
  const text = {
    ...rest,
    body: Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("base64"),
    properties: writeProperties(properties),
  };
  return { id, call: JSON.stringify({ queue, exchange, dueAt, message: text }) };
}

/**
 * Sends a call that was written down. That the broker has it already is as good.
 *
 * A relay that died may have sent it, too: whoever takes the message looks first whether it has ended.
 */
export async function publishCall(broker: Broker, entry: OutboxEntry): Promise<void> {
  const call = readCall(entry);
  await publish(broker, { ...call, message: markRedelivered(call.message) });
}

/** We wrote it, unless somebody else changed the table. */
function readCall({ id, call }: OutboxEntry): StoredCall {
  const stored = parse(call);
  const { queue, exchange, dueAt, message } = stored;
  if (typeof queue !== "string" || !isRecord(message) || typeof message["body"] !== "string") {
    throw new TidingsError("MESSAGE_INVALID", `the entry of task ${id} in the outbox is no call`);
  }
  return {
    queue,
    exchange: isRecord(exchange)
      ? {
          exchange: String(exchange["exchange"]),
          routingKey: String(exchange["routingKey"]),
        }
      : null,
    dueAt: typeof dueAt === "number" ? dueAt : undefined,
    message: {
      id,
      headers: message["headers"],
      body: new Uint8Array(Buffer.from(message["body"], "base64")),
      contentType: String(message["contentType"]),
      contentEncoding: String(message["contentEncoding"]),
      properties: readProperties(message["properties"]),
    },
  };
}

function parse(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : {};
  } catch {
    // Reported by the caller as what is no call.
    return {};
  }
}
