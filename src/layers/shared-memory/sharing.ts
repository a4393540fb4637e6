import type { Duplex } from "node:stream";

import { SharedMemoryPort } from "./port.ts";

/** How this process shares its layers; nothing when it does not. */
let port: SharedMemoryPort | undefined;

/**
 * From now on, `memory:` layers that this process opens are shared with the processes at the other
 * end's `SharedMemoryHub`. Before the first layer is opened, once in the life of a process.
 */
export function joinSharedMemory(stream: Duplex): void {
  port = new SharedMemoryPort(stream);
}

/** What `memory:` layers are shared through, if they are. */
export function sharedMemoryPort(): SharedMemoryPort | undefined {
  return port;
}
