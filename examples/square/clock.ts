import { setInterval } from "node:timers/promises";

import { feed } from "tidings";

/** The time, every second. One generator runs per process, and only while somebody follows. */
export const clock = feed({
  path: "/clock",
  async *events({ signal }) {
    yield { data: Date.now() };
    for await (const _ of setInterval(1_000, undefined, { signal })) yield { data: Date.now() };
  },
});
