/** What a message carries besides its body, as AMQP 0-9-1 knows it. Absent is not written. */
export interface AmqpProperties {
  readonly contentType?: string | undefined;
  readonly contentEncoding?: string | undefined;
  readonly headers?: unknown;
  /** 2: kept on disk, 1: not. */
  readonly deliveryMode?: number | undefined;
  readonly priority?: number | undefined;
  readonly correlationId?: string | undefined;
  readonly replyTo?: string | undefined;
  /** Milliseconds, as text. */
  readonly expiration?: string | undefined;
}

/** A message that is to be published. */
export interface AmqpPublication {
  /** `""` is the default exchange, which finds the queue that the routing key names. */
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Uint8Array;
  readonly properties: AmqpProperties;
  /** Whether it is an error when no queue gets it. @default false */
  readonly mandatory?: boolean | undefined;
}

/** A message that a consumer was given. */
export interface AmqpDelivery {
  /** What it is acknowledged by, on the channel that it came from. */
  readonly tag: number;
  /** Whether a consumer may have had it before. */
  readonly isRedelivered: boolean;
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  readonly properties: AmqpProperties;
}
