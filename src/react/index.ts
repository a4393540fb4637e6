/**
 * React hooks over the client: safe under strict mode, and when a server renders.
 *
 * Main words: `useFeed`, `useTask`, `useConnection`. What is followed or connected lives in an external
 * store beside React, for as long as a component looks at it. React 18 or later.
 *
 * @module
 */
export type { ConnectionState } from "./connection-store.ts";
export type { Following } from "./following-store.ts";
export { useConnection, type EventListeners, type UseConnectionOptions } from "./use-connection.ts";
export { useFeed, type UseFeedOptions } from "./use-feed.ts";
export { useTask, type UseTaskOptions } from "./use-task.ts";
