import { assertPositiveInteger } from "../core/options.ts";

/** What a server lets one client use. Each has a default that suits most applications. */
export interface ServerLimits {
  /** The largest WebSocket message of a client; a larger one closes with 1009. @default 1 MiB */
  readonly maxMessageBytes: number;
  /** The largest body of a request; a larger one is answered with 413. @default 1 MiB */
  readonly maxBodyBytes: number;
  /** What may wait for one slow client; beyond it the connection is cut off. @default 4 MiB */
  readonly maxOutboxBytes: number;
  /**
   * How often open connections are shown that we live, in milliseconds. A WebSocket that does not
   * answer one ping before the next is cut off.
   *
   * The default is the advice of WHATWG HTML §9.2, and below the minute after which proxies give up.
   *
   * @default 15_000
   */
  readonly heartbeatMs: number;
}

const MIB = 1024 * 1024;

/** Fills in the defaults. */
export function toLimits(limits: Partial<ServerLimits> = {}): ServerLimits {
  return {
    maxMessageBytes: assertPositiveInteger("maxMessageBytes", limits.maxMessageBytes ?? MIB),
    maxBodyBytes: assertPositiveInteger("maxBodyBytes", limits.maxBodyBytes ?? MIB),
    maxOutboxBytes: assertPositiveInteger("maxOutboxBytes", limits.maxOutboxBytes ?? 4 * MIB),
    heartbeatMs: assertPositiveInteger("heartbeatMs", limits.heartbeatMs ?? 15_000),
  };
}
