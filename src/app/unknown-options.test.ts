import { expect, test } from "vitest";

import { presenceFeed } from "../presence/index.ts";
import { application } from "./application.ts";
import { createApp, type AppOptions } from "./create-app.ts";

const common = { name: "test", broker: "memory:" };
/** What a program without types may pass. */
const read = (text: string) => JSON.parse(text);

test.each([
  ['{"preesnce":"memory:"}', 'an app has no option "preesnce" (did you mean `presence`?)'],
  ['{"presence":{"graceMS":1}}', '`presence` has no option "graceMS" (did you mean `graceMs`?)'],
  ['{"history":{"url":"memory:","sise":1}}', '`history` has no option "sise"'],
  ['{"layer":{"capacty":1}}', 'a memory: layer has no option "capacty" (did you mean `capacity`?)'],
  [
    '{"taskSettings":{"rotues":[]}}',
    'a set of tasks has no option "rotues" (did you mean `routes`?)',
  ],
  [
    '{"taskSettings":{"deadLetters":{"maxCuont":1}}}',
    '`deadLetters` has no option "maxCuont" (did you mean `maxCount`?)',
  ],
])("an app says of an option that nobody knows what was meant: %s", (options, message) => {
  const given: Partial<AppOptions> = read(options);
  expect(() => createApp({ ...common, ...given })).toThrow(
    expect.objectContaining({ code: "OPTION_INVALID", message: expect.stringContaining(message) }),
  );
});

test("what an app makes and sends does so, too", async () => {
  await using app = createApp(common);
  const wrong: readonly (readonly [() => unknown, string])[] = [
    [() => application({ app, ...read('{"route":[]}') }), 'an application has no option "route"'],
    [
      () => presenceFeed(app, { path: "/p", group: "g", ...read('{"autorize":1}') }),
      'a presence feed has no option "autorize"',
    ],
  ];
  for (const [make, message] of wrong) expect(make).toThrow(message);
  const send = app.groupSend("room", { type: "x" }, read('{"histroy":true}'));
  await expect(send).rejects.toThrow('a message to a group has no option "histroy"');
});

test.each([false, true, null, "no", {}])(
  "a presence feed does not take %j for who may follow",
  async (given) => {
    await using app = createApp(common);
    const options = { authorize: Object({ given }).given };
    expect(() => presenceFeed(app, { path: "/p", group: "g", ...options })).toThrow(
      "expected `authorize` to be a function, got",
    );
  },
);

test("presence is where all processes of the layer see it, or an error", async () => {
  const layer = "redis://127.0.0.1:1";
  for (const presence of ["memory:", { url: "memory:", graceMs: 5 }]) {
    expect(() => createApp({ ...common, layer, presence })).toThrow(
      expect.objectContaining({
        code: "APP_INVALID_DEFINITION",
        message: expect.stringContaining("`presence` is memory:"),
      }),
    );
  }
  await using app = createApp({ ...common, layer, presence: { graceMs: 5 } });
  expect(app.drivers.presence).toBe(layer);
});
