import { mkdtempDisposable } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { describe, expect, test } from "vitest";

import { createTasks } from "../../src/tasks/index.ts";
import { eventually } from "../redis/eventually.ts";
import { Tidings } from "./tidings.ts";

const FIXTURE = fileURLToPath(new URL("application.ts", import.meta.url));

interface Letters extends AsyncDisposable {
  readonly broker: string;
  run(
    ...args: readonly string[]
  ): Promise<{ readonly code: number | null; readonly output: string }>;
}

/** A broker with the letters `one`, `two` and `three`, and the command for it. */
async function openLetters(): Promise<Letters> {
  const folder = await mkdtempDisposable(join(tmpdir(), "tidings-letters-"));
  const broker = `sqlite:${join(folder.path, "tasks.db")}`;
  await using tasks = createTasks({ broker, results: broker });
  for (const id of ["one", "two", "three"]) {
    const name = id === "three" ? "fixture.other" : "fixture.nope";
    await tasks.sendTask(name, ["é 🙂"], { taskId: id });
  }
  await using worker = tasks.createWorker();
  await worker.start();
  await eventually(async () => (await tasks.deadLetters.count()) === 3);
  return {
    broker,
    async run(...args) {
      const words = ["dead-letters", ...args];
      const { code, output } = await new Tidings(words, { BROKER_URL: broker }).ended;
      return { code, output: output.trim() };
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

describe("tidings dead-letters", () => {
  test("lists, shows, sends again and discards", async () => {
    await using opened = await openLetters();
    const { broker, run } = opened;
    const { code, output } = await run("list", FIXTURE, "--task", "fixture.nope");
    expect(code).toBe(0);
    expect(output).toMatch(
      /^DIED +ID +TASK +QUEUE +REASON +ERROR\n\S+:\d\dZ +one +fixture.nope +celery/,
    );
    expect(output.split("\n")).toHaveLength(3);
    // Nothing is cut where nobody has a narrow terminal.
    expect(output).toContain("this worker knows none");

    const listed = await run("list", "-b", broker, "--limit", "2", "--json");
    const { letters, next } = JSON.parse(listed.output);
    expect(letters).toMatchObject([{ id: "one", reason: "unregistered" }, { id: "two" }]);
    const rest = await run("list", "-b", broker, "--after", next, "--json");
    expect(JSON.parse(rest.output)).toMatchObject({ letters: [{ id: "three" }], next: null });

    const shown = JSON.parse((await run("show", FIXTURE, "three")).output);
    expect(shown).toMatchObject({ id: "three", task: "fixture.other", queue: "celery" });
    expect(JSON.parse(shown.message.body)[0]).toEqual(["é 🙂"]);

    const ambiguous = await run("show", FIXTURE, "t");
    expect(ambiguous.output).toContain('"t" is that of two, three [OPTION_INVALID]');
    expect(await run("redrive", FIXTURE, "on")).toEqual({ code: 0, output: "1 sent again" });
    const discarded = await run("discard", FIXTURE, "--all", "--task", "fixture.nope", "--json");
    expect(discarded).toEqual({ code: 0, output: '{"count":1}' });
    await using tasks = createTasks({ broker, results: broker });
    expect(await tasks.queues.count("celery")).toMatchObject({ waiting: 1 });
    expect(await tasks.deadLetters.count()).toBe(1);
  });

  test("says what is wrong", async () => {
    await using opened = await openLetters();
    const { run } = opened;
    const [unknown, noAll, noReason, noPlace, neither, none] = await Promise.all([
      run("redrive", FIXTURE, "unknown"),
      run("discard", FIXTURE, "one", "--task", "t"),
      run("list", FIXTURE, "--reason", "old"),
      run("list", FIXTURE, "--after", "yesterday"),
      run("redrive", FIXTURE),
      run("list", FIXTURE, "--queue", "empty"),
    ]);
    expect(unknown).toEqual({ code: 1, output: "there is no dead letter of unknown" });
    expect(noAll.output).toContain("expected --all beside --queue");
    expect(noPlace.output).toContain("expected `after` to be `next` of the list before");
    expect(neither.output).toContain("expected MODULE ID (or --all); --broker <url>");
    expect(none).toMatchObject({ code: 0, output: expect.stringContaining("There are none.") });
    expect(noReason.output).toContain("Allowed choices");
  });
});
