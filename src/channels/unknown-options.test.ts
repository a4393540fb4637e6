import { expect, test } from "vitest";

import { backgroundConsumer } from "./background-consumer.ts";
import { consumer } from "./consumer.ts";
import { feed } from "./feed.ts";
import { httpConsumer } from "./http-consumer.ts";

/** What a program without types may pass. */
const read = (text: string) => JSON.parse(text);

test.each<[string, () => unknown]>([
  [
    'feed `/x` has no option "autorize" (did you mean `authorize`?)',
    () => feed({ path: "/x", snapshot: () => 1, ...read('{"autorize":1}') }),
  ],
  [
    'consumer `/x` has no option "recieves" (did you mean `receives`?)',
    () => consumer({ path: "/x", ...read('{"recieves":1}') }),
  ],
  [
    'HTTP consumer `/x` has no option "method" (did you mean `methods`?)',
    () => httpConsumer({ path: "/x", handle: () => new Response(), ...read('{"method":[]}') }),
  ],
  [
    'a background consumer has no option "concurency" (did you mean `concurrency`?)',
    () => backgroundConsumer({ events: {}, on: {}, ...read('{"concurency":2}') }),
  ],
])("says of an option that nobody knows what was meant: %s", (message, define) => {
  expect(define).toThrow(expect.objectContaining({ code: "OPTION_INVALID", message }));
});
