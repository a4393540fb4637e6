import { expect, test } from "vitest";

import { shardIndex } from "./shard.ts";

test.each([
  ["key_one", [0, 1, 2, 3, 6]],
  ["key_two", [0, 0, 1, 2, 4]],
  ["room-1", [0, 1, 1, 2, 5]],
  ["test-group", [0, 1, 2, 4, 8]],
  ["asgi__group__room-1", [0, 0, 1, 2, 4]],
  ["specific.0123456789abcdef0123456789abcdef!", [0, 0, 1, 1, 3]],
])("%s is on the hosts that channels_redis chooses", (name, indexes) => {
  expect([1, 2, 3, 5, 10].map((hosts) => shardIndex(name, hosts))).toEqual(indexes);
});
