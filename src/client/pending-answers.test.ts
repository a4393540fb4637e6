import { expect, test } from "vitest";

import { PendingAnswers } from "./pending-answers.ts";

test("makes room with each answer, and refuses what exceeds 1,000 without one", async () => {
  const answers = new PendingAnswers();
  for (let count = 0; count < 1_001; count += 1) {
    const reply = answers.ask((id) => {
      queueMicrotask(() => answers.answer(id, count, undefined));
    }, 10_000);
    expect(await reply).toBe(count);
  }
  const unanswered = Array.from({ length: 1_000 }, () => answers.ask(() => {}, 10_000));
  const settled = Promise.allSettled(unanswered);
  await expect(answers.ask(() => {}, 10_000)).rejects.toMatchObject({ code: "CLIENT_OVERLOADED" });
  answers.failAll();
  for (const { status } of await settled) expect(status).toBe("rejected");
});
