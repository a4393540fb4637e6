import type { AmqpDelivery, AmqpPublication } from "../../amqp/index.ts";
import { isRecord } from "../../core/is-record.ts";
import type { Delivery } from "../brokers/broker.ts";
import { readAmqpMessage } from "../celery-amqp/amqp-message.ts";
import { readProperties, writeProperties } from "../message/properties.ts";
import type { DeadLetter, Death } from "./dead-letter.ts";
import { parseFields, toFacts } from "./letter-facts.ts";

/** A letter, and its place among the others: places sort by age, and no two are the same. */
export interface PlacedLetter {
  readonly place: string;
  readonly letter: DeadLetter;
}

const CONTENT_TYPE = "application/vnd.tidings.dead-letter";
/** "\n" */
const LINE_END = 10;

/** Writes a letter as a message: the headers as they came; the body after a line that holds the rest. */
export function writeLetter(
  { id, queue, runs, lostLeases, message }: Delivery,
  death: Death,
  place: string,
): Pick<AmqpPublication, "body" | "properties"> {
  const { contentType, contentEncoding, headers } = message;
  const properties = writeProperties(message.properties);
  const facts = { ...death, runs, lostLeases };
  const line = { id, place, queue, ...facts, contentType, contentEncoding, properties };
  return {
    body: Buffer.concat([Buffer.from(`${JSON.stringify(line)}\n`), message.body]),
    properties: {
      contentType: CONTENT_TYPE,
      correlationId: id,
      deliveryMode: 2,
      headers: isRecord(headers) ? headers : {},
    },
  };
}

/** Reads a letter; `null` for what is none. */
export function readLetter(delivery: AmqpDelivery): PlacedLetter | null {
  if (delivery.properties.contentType !== CONTENT_TYPE) return null;
  const end = delivery.body.indexOf(LINE_END);
  const line = parseFields(delivery.body.toString("utf8", 0, end));
  const { id, place, queue, contentType, contentEncoding, properties } = line;
  if (typeof id !== "string" || typeof place !== "string") return null;
  const { headers } = readAmqpMessage(delivery).message;
  const message = {
    id,
    headers,
    body: new Uint8Array(delivery.body.subarray(end + 1)),
    contentType: String(contentType),
    contentEncoding: String(contentEncoding),
    properties: readProperties(properties),
  };
  return { place, letter: { id, queue: String(queue), ...toFacts(line), message } };
}
