import { feed, forward, type FeedDefinition } from "tidings";

/** A feed with a history, whose events are numbers; newcomers begin with 0. */
export const numbers: FeedDefinition<number> = feed({
  path: "/numbers",
  group: "numbers",
  history: true,
  snapshot: () => 0,
  on: { number: forward(({ n }) => n) },
});
