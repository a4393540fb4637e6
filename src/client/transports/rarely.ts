import { Interruption } from "../interruption.ts";
import type { Transport } from "./transport.ts";

/** A transport whose code is loaded when it is first used, so that a page that never does is smaller. */
export function rarely(load: () => Promise<Transport>): Transport {
  return async function* loadAndFollow(request) {
    let transport: Transport;
    try {
      transport = await load();
    } catch {
      throw new Interruption("the transport could not be loaded");
    }
    return yield* transport(request);
  };
}
