import { expect, test } from "vitest";

import { MessageAnswers } from "./message-answers.ts";

const json = (text: string): Promise<{ readonly json: string }> => Promise.resolve({ json: text });

test("an answer is remembered by its id, of which 1 and its text are two", async () => {
  const answers = new MessageAnswers();
  answers.add(1, json("one"));
  answers.add("1", json("text"));
  expect([await answers.get(1), await answers.get("1")]).toEqual([
    { json: "one" },
    { json: "text" },
  ]);
  expect(answers.get(2)).toBeUndefined();
});

test("a message that is not answered yet has an answer to wait for", async () => {
  const answers = new MessageAnswers();
  const { promise, resolve } = Promise.withResolvers<{ readonly json: string }>();
  answers.add(1, promise);
  const waiting = answers.get(1);
  resolve({ json: "late" });
  expect(await waiting).toEqual({ json: "late" });
});

test("the last 1,000 are remembered, and those that are not answered yet", async () => {
  const answers = new MessageAnswers();
  answers.add("waiting", new Promise(() => {}));
  for (let id = 0; id < 1_001; id++) answers.add(id, json(""));
  await Promise.resolve();
  expect([answers.get(0), answers.get("waiting")]).toEqual([undefined, expect.any(Promise)]);
  expect(await answers.get(1)).toEqual({ json: "" });
});

test("answers of 1 MiB together are remembered", async () => {
  const answers = new MessageAnswers();
  for (let id = 0; id < 4; id++) answers.add(id, json("x".repeat(400_000)));
  await Promise.resolve();
  expect([0, 1, 2, 3].map((id) => answers.get(id) !== undefined)).toEqual([
    false,
    false,
    true,
    true,
  ]);
});
