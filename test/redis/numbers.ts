import { consumer, feed, feedConnection, forward, type FeedDefinition, type Route } from "tidings";
import { z } from "zod";

/** A feed with a history, whose events are numbers; newcomers begin with 0. */
export const numbers: FeedDefinition<number> = feed({
  path: "/numbers",
  group: "numbers",
  history: true,
  snapshot: () => 0,
  on: { number: forward(({ n }) => n) },
});

/** A consumer that is sent the same numbers. */
const counting = consumer({
  path: "/counting",
  history: true,
  events: { number: z.object({ n: z.number() }) },
  connect: (connection) => connection.groupAdd("numbers"),
  on: { number: forward() },
});

/** All ways to hear numbers. */
export const ROUTES: readonly Route[] = [numbers, counting, feedConnection()];
