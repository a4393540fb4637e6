import { setTimeout as delay } from "node:timers/promises";

import type { Proxy } from "../proxy.ts";
import type { PlaceFault } from "./place.ts";

/** A server that can die and come back, and the proxy in front of it. */
export interface FaultyServer {
  readonly server: { kill(): Promise<void>; start(): Promise<void> };
  readonly proxy: Proxy;
  /** How long connections are deaf at most. */
  readonly maxDeafMs: number;
}

/** What can happen to a server, and on the way to it. */
export function serverFaults({ server, proxy, maxDeafMs }: FaultyServer): readonly PlaceFault[] {
  return [
    {
      name: "connections cut",
      run: async () => proxy.cut(),
    },
    {
      name: "connections deaf",
      async run(random) {
        proxy.freeze();
        await delay(random.between(500, maxDeafMs));
        proxy.thaw();
      },
    },
    {
      name: "broker restarted",
      async run(random) {
        await server.kill();
        await delay(random.between(0, 2_000));
        await server.start();
      },
    },
  ];
}
