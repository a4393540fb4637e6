import { expect, test } from "vitest";

import { createApp, type AppOptions } from "./create-app.ts";

/** What a program without types may pass. */
const read = (text: string) => JSON.parse(text);
const common = { name: "test", broker: "memory:" };

test.each([
  ['{"name":3}', "expected `name` to be text, got `3` (number)"],
  ['{"logger":"info"}', "`logger` to be a logger with debug, info, warn, error"],
  ['{"logger":null}', "`logger` to be a logger with debug, info, warn, error"],
  ['{"broker":5}', "expected `broker` to be a URL, got `5`"],
  ['{"results":{}}', "expected `results` to be a URL"],
  ['{"cache":5}', "expected `cache` to be a URL"],
  ['{"layer":null}', "expected `layer` to be a URL or settings, got `null`"],
  ['{"layers":{"far":7}}', "expected `layers.far` to be a URL or settings, got `7`"],
  ['{"layers":7}', "expected `layers` to be an object"],
  ['{"presence":7}', "expected `presence` to be a URL or settings, got `7`"],
  ['{"taskSettings":7}', "expected `taskSettings` to be an object"],
  ['{"taskSettings":{"worker":7}}', "`worker` takes an object of options"],
])("an app says of an odd value what was expected: %s", (options, message) => {
  const create = () => createApp({ ...common, ...read(options) });
  expect(create).toThrow(
    expect.objectContaining({
      code: "OPTION_INVALID",
      message: expect.stringContaining(message),
    }),
  );
});

test("an app without options says so", () => {
  const options: AppOptions = read("null");
  expect(() => createApp(options)).toThrow(
    expect.objectContaining({ code: "OPTION_INVALID", message: expect.stringContaining("an app") }),
  );
});
