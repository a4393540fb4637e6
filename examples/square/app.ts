import { createApp } from "tidings";

import { dataFolder } from "./data-folder.ts";

/** What every part of the square shares: groups, cache, tasks. Each URL can be moved to a server. */
export const app = createApp({
  name: "square",
  layer: process.env["LAYER_URL"],
  // A page that is loaded again has not left the room.
  presence: { graceMs: 2_000 },
  cache: process.env["CACHE_URL"],
  broker: process.env["BROKER_URL"] ?? `sqlite:${dataFolder}/tasks.db`,
  results: process.env["RESULT_URL"] ?? `sqlite:${dataFolder}/tasks.db`,
});
