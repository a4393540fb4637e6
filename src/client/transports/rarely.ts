import { Interruption } from "../interruption.ts";
import type * as rare from "./rare.ts";
import type { Transport } from "./transport.ts";

/** One of `rare.ts`, which is loaded when one of them is first used, so that a page that uses none is smaller. */
export function rarely(name: keyof typeof rare): Transport {
  return async function* loadAndFollow(request) {
    let transport: Transport;
    try {
      ({ [name]: transport } = await import("./rare.ts"));
    } catch {
      throw new Interruption("the transport could not be loaded");
    }
    return yield* transport(request);
  };
}
