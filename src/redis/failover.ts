import { RedisUnavailable } from "./redis-errors.ts";
import type { DialRedis, RedisLink } from "./redis-link.ts";

/** Connects to one of several servers, and knows when a link is to another than the others use. */
export interface FailoverDial {
  readonly dial: DialRedis;
  /** Rejects when the link is to a server that is no longer the one in use. */
  readonly probe: (link: RedisLink) => Promise<unknown>;
}

/**
 * Connects to the first server of a list that can be reached, and stays with it until it cannot.
 *
 * Whoever connects next, for commands or to listen, tries that server first, so that all links of one
 * client meet at one server; a link that is elsewhere is given up at its next probe. The servers know
 * nothing of each other: what waits in one stays there until somebody uses it again.
 */
export function dialFirst(dials: readonly DialRedis[]): FailoverDial {
  let order = dials;
  const dialled = new WeakMap<RedisLink, DialRedis>();
  return {
    dial: async (events) => {
      let lastError: unknown;
      for (const dial of order) {
        try {
          const link = await dial(events);
          dialled.set(link, dial);
          order = [dial, ...order.filter((other) => other !== dial)];
          return link;
        } catch (error) {
          lastError = error;
        }
      }
      throw lastError;
    },
    probe: async (link) => {
      if (dialled.get(link) !== order[0]) {
        throw new RedisUnavailable("another server of the list is in use");
      }
      await link.command(["PING"]);
    },
  };
}
