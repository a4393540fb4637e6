/**
 * The `heartbeatMs` of a server whose heartbeats never come.
 *
 * Members are bare sockets that count bytes: a ping would be counted, and since nobody answers it, the
 * next one would end the connection. A server takes no heartbeat that is so rare.
 */
export const NO_HEARTBEAT_MS = 14_999;
const NEVER_MS = 2 ** 31 - 1;

globalThis.setInterval = new Proxy(globalThis.setInterval, {
  apply: (start, self, [handler, ms, ...rest]: unknown[]) =>
    Reflect.apply(start, self, [handler, ms === NO_HEARTBEAT_MS ? NEVER_MS : ms, ...rest]),
});
