import { randomUUID } from "node:crypto";

/** What a control message says, and where it goes. */
export interface ControlEnvelope {
  /** As JSON. */
  readonly body: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly deliveryMode: 1 | 2;
  readonly exchange: string;
  readonly routingKey: string;
}

/** Writes a control message as kombu does. */
export function writeControlEnvelope(message: ControlEnvelope): string {
  const { body, headers, deliveryMode, exchange, routingKey } = message;
  return JSON.stringify({
    body: Buffer.from(body).toString("base64"),
    "content-encoding": "utf-8",
    "content-type": "application/json",
    headers,
    properties: {
      delivery_mode: deliveryMode,
      delivery_info: { exchange, routing_key: routingKey },
      priority: 0,
      body_encoding: "base64",
      delivery_tag: randomUUID(),
    },
  });
}
