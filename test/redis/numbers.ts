import { consumer, feed, forward, type ConsumerDefinition, type FeedDefinition } from "tidings";
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
export const counting: ConsumerDefinition = consumer({
  path: "/counting",
  history: true,
  events: { number: z.object({ n: z.number() }) },
  connect: (connection) => connection.groupAdd("numbers"),
  on: { number: forward() },
});
