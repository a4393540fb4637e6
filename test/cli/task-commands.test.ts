import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { SqliteBroker } from "../../src/tasks/brokers/sqlite.ts";
import { createTasks } from "../../src/tasks/index.ts";
import { decodeMessage } from "../../src/tasks/message/decode.ts";
import { Tidings } from "./tidings.ts";

const FIXTURE = fileURLToPath(new URL("application.ts", import.meta.url));
const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));

const folder = mkdtempSync(join(tmpdir(), "tidings-commands-"));
const broker = `sqlite:${join(folder, "tasks.db")}`;
let worker: Tidings;
let names = 0;

/** A queue or id that no test, and no earlier try of this one, has used. */
function fresh(name: string): string {
  return `${name}-${names++}`;
}

async function run(...args: readonly string[]) {
  const { code, output } = await new Tidings(args, { BROKER_URL: broker }).ended;
  return { code, output: output.trim() };
}

/** Asks again, up to ten times, while the worker has not answered in the time that the command waits. */
async function askWorkers(...args: readonly string[]) {
  let answer = await run(...args);
  for (
    let again = 0;
    again < 9 && !/one@here(?! has not)|fixture\.add/.test(answer.output);
    again++
  ) {
    answer = await run(...args);
  }
  return answer;
}

beforeAll(async () => {
  worker = new Tidings(["worker", FIXTURE, "-n", "one@here"], { BROKER_URL: broker });
  await worker.until(/"worker started"/);
});

afterAll(async () => {
  await worker[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

describe("tidings call and result", () => {
  test("send a task of an application, and print what it returned", async () => {
    const called = await run("call", FIXTURE, "fixture.add", "--args", "[1, 2]", "--wait", "30");
    expect(called).toEqual({ code: 0, output: "3" });
  });

  test("send what comes after a task, headers, and how it is written", async () => {
    const how = ["--header", "tenant=acme", "--header", "a=b=c", "--serializer", "msgpack"];
    const after = ["--link", "fixture.add", "--link", "fixture.next", "--link-error", "fixture.no"];
    const limits = ["--time-limit", "3", "--soft-time-limit", "2.5", "--compression", "gzip"];
    const queue = fresh("nobody");
    const place = ["--queue", queue, "--args", "[1, 2]"];
    const called = await run("call", FIXTURE, "fixture.add", ...how, ...after, ...limits, ...place);
    expect(called.code).toBe(0);
    const queues = new SqliteBroker(join(folder, "tasks.db"));
    const [delivery] = await queues.take({ queues: [queue], limit: 1, leaseMs: 10_000 });
    if (!delivery) throw new Error("expected a message");
    expect(delivery.message.contentType).toBe("application/x-msgpack");
    expect(decodeMessage(delivery.message)).toMatchObject({
      args: [1, 2],
      headers: { tenant: "acme", a: "b=c" },
      timeLimits: { hardMs: 3_000, softMs: 2_500 },
      embed: {
        callbacks: [{ task: "fixture.add" }, { task: "fixture.next" }],
        errbacks: [{ task: "fixture.no" }],
      },
    });
    await queues.acknowledge(delivery);
    await queues.close();
    const wrong = await run("call", FIXTURE, "fixture.add", "--header", "none", ...place);
    expect(wrong.output).toContain("Expected a header as name=value.");
  });

  test("send without an application, and tell what became of it", async () => {
    const sent = await run("call", "-b", broker, "fixture.nope", "--json");
    expect(sent.code).toBe(0);
    const { id } = JSON.parse(sent.output);
    const failed = await run("result", "-b", broker, id, "--wait", "30", "--json");
    expect(failed.code).toBe(1);
    expect(JSON.parse(failed.output)).toMatchObject({ id, state: "FAILURE" });
    const told = await run("result", FIXTURE, id);
    expect(told.code).toBe(1);
    expect(told.output).toContain(`${id} fixture.nope FAILURE: TASK_NOT_REGISTERED`);
  });

  test("say that a task has not ended", async () => {
    const id = fresh("waits");
    const options = ["--countdown", "600", "--queue", fresh("later"), "--task-id", id];
    expect(await run("call", FIXTURE, "py.add", "--unregistered", ...options)).toEqual({
      code: 0,
      output: id,
    });
    const result = await run("result", FIXTURE, id, "--wait", "0.1");
    expect(result).toEqual({ code: 3, output: `${id} PENDING` });
  });
});

describe("tidings list and status", () => {
  test("show workers that answer, and what waits", async () => {
    const later = fresh("later");
    await run("call", FIXTURE, "fixture.add", "--countdown", "600", "--queue", later);
    const status = await askWorkers("status", FIXTURE, "-t", "1.5");
    expect(status.code).toBe(0);
    expect(status.output).toMatch(/^WORKER +RUNNING +OF +DONE +UPTIME +QUEUES$/m);
    expect(status.output).toMatch(/^one@here +0 +10 +\d+ +\w+ +celery$/m);
    expect(status.output).toMatch(/^QUEUE +WAITING +DELAYED +TAKEN$/m);
    expect(status.output).toMatch(new RegExp(`^${later} +0 +1 +0$`, "m"));
    const json = await askWorkers("status", "-b", broker, "--json", "-t", "1.5");
    expect(JSON.parse(json.output)).toMatchObject({
      workers: [{ name: "one@here", concurrency: 10, tasks: ["fixture.add"] }],
      queues: expect.arrayContaining([
        expect.objectContaining({ name: "celery", waiting: 0 }),
        expect.objectContaining({ name: later, waiting: 0, delayed: 1, taken: 0 }),
      ]),
    });
  });

  test("list tasks, of the application or of the workers", async () => {
    const [own, asked] = await Promise.all([
      run("list", FIXTURE, "tasks"),
      askWorkers("list", "-b", broker, "tasks", "--json", "-t", "1.5"),
    ]);
    expect(own.output).toBe("TASK\nfixture.add");
    expect(JSON.parse(asked.output)).toEqual(["fixture.add"]);
  });
});

describe("tidings purge", () => {
  test("removes nothing unless it is told so", async () => {
    const queue = await fill();
    const refused = await run("purge", FIXTURE, "-Q", queue);
    expect(refused.code).toBe(1);
    expect(refused.output).toContain("expected --force");
    for (const answer of ["n\n", "\u0004"]) {
      expect(await askPurge(queue, answer)).toContain("Nothing was removed.");
    }
    const { output } = await run("list", FIXTURE, "queues");
    expect(output).toMatch(new RegExp(`^${queue} +1 +0 +0$`, "m"));
  });

  test("asks at a terminal, and prints how much is gone", async () => {
    const queue = await fill();
    expect(await askPurge(queue, "y\n")).toMatch(new RegExp(`^${queue} +1\r?$`, "m"));
    const again = await run("purge", "-b", broker, "-Q", queue, "--force", "--json");
    expect(again).toEqual({ code: 0, output: `[{"name":"${queue}","removed":0}]` });
  });

  /** A queue with one message. */
  async function fill(): Promise<string> {
    const queue = fresh("emptied");
    await run("call", FIXTURE, "fixture.add", "--queue", queue);
    return queue;
  }

  /** What the command prints at a terminal where somebody types an answer. */
  async function askPurge(queue: string, answer: string): Promise<string> {
    const words = [process.execPath, "--conditions=tidings-source", MAIN, "purge", FIXTURE];
    const child = spawn("script", ["-qec", [...words, "-Q", queue].join(" "), "/dev/null"], {
      env: { ...process.env, BROKER_URL: broker },
      stdio: ["pipe", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (text: Buffer) => {
      output += text.toString();
      if (output.includes("[y/N]") && !child.stdin.writableEnded) child.stdin.end(answer);
    });
    await once(child, "close");
    return output;
  }
});

describe("tidings cancel", () => {
  test("cancels tasks by their ids, and says what had ended", async () => {
    await using tasks = createTasks({ broker, results: broker });
    const [first, second, third] = [fresh("first"), fresh("second"), fresh("third")];
    for (const taskId of [first, second, third]) {
      await tasks.sendTask("fixture.add", [], { taskId, queue: "never" });
    }
    await tasks.cancel(third);
    const mixed = await run("cancel", FIXTURE, first, third, "nobody");
    expect(mixed.code).toBe(1);
    expect(mixed.output.split("\n").toSorted()).toEqual(
      [`${first} cancelled`, `${third} has ended: REVOKED`, "nobody is not known"].toSorted(),
    );
    const cancelled = await run("cancel", "-b", broker, second, "--json");
    expect(cancelled).toEqual({ code: 0, output: `[{"id":"${second}","cancelled":true}]` });
    expect(await tasks.result(second).state()).toBe("REVOKED");
  });
});

describe("tidings control", () => {
  test("tells workers what to do, and what they answered", async () => {
    const rate = ["rate_limit", "task_name=fixture.add", "rate_limit=100/s"];
    const [told, grown, wrong, silent, mistyped] = await Promise.all([
      run("control", FIXTURE, ...rate, "-d", "one@here", "-t", "30"),
      run("control", "-b", broker, "pool_grow", "n=2", "--json", "-d", "one@here", "-t", "30"),
      run("control", FIXTURE, "nosuch", "-d", "one@here", "-t", "30"),
      askWorkers("control", FIXTURE, "ping", "-d", "one@here,two@here", "-t", "1.5"),
      askWorkers("control", "-b", broker, "ping", "-d", "one", "-t", "1"),
    ]);
    expect(told.code).toBe(0);
    expect(told.output).toMatch(/^WORKER +ANSWER\none@here +new rate limit set successfully$/);
    expect(grown).toEqual({ code: 0, output: '{"one@here":{"ok":"pool will grow"}}' });
    expect(wrong).toEqual({
      code: 1,
      output: expect.stringContaining("error: it does not know the command `nosuch`"),
    });
    expect(silent.code).toBe(1);
    expect(silent.output).toMatch(/^one@here +pong$/m);
    expect(silent.output).toMatch(/^two@here has not answered within 1.5 s\.$/m);
    expect(mistyped.code).toBe(1);
    expect(mistyped.output).toMatch(/^Workers that answer: one@here\.$/m);
  });
});

describe("the commands for tasks", () => {
  test("do not mind a reader that has seen enough", async () => {
    const words = [
      process.execPath,
      "--conditions=tidings-source",
      MAIN,
      "list",
      FIXTURE,
      "queues",
    ];
    const child = spawn("bash", ["-o", "pipefail", "-c", `${words.join(" ")} | true`], {
      env: { ...process.env, BROKER_URL: broker },
      stdio: ["ignore", "inherit", "pipe"],
    });
    let complaints = "";
    child.stderr.on("data", (text: Buffer) => (complaints += text.toString()));
    expect(await once(child, "close")).toEqual([0, null]);
    expect(complaints).toBe("");
  });

  test("say what is wrong", async () => {
    const empty = `sqlite:${join(folder, "empty.db")}`;
    await createTasks({ broker: empty, results: empty }).close();
    const wrong: readonly (readonly [readonly string[], string])[] = [
      [["call"], "expected MODULE NAME; --broker <url> stands for MODULE, got nothing"],
      [["call", FIXTURE, "t", "--args", "{}"], "Expected a JSON array."],
      [["call", FIXTURE, "fixture.ad"], 'has no task "fixture.ad" (did you mean `fixture.add`?)'],
      [["call", FIXTURE, "fixture.add", "-k", '{"x":1}'], "x came by name: define it with"],
      [["list", FIXTURE, "nonsense"], "expected one of tasks, queues, workers, got nonsense"],
      [["control", FIXTURE, "ping", "x"], "expected an argument as name=value, got x"],
      [["control", FIXTURE, "ping", "-d", ","], "Expected names separated by commas."],
      [["control", "-b", empty, "ping", "-t", "0.1"], "No worker has answered within 0.1 s."],
      [["status", "-b", "memory:"], "BROKER_NOT_SHARED"],
      [
        ["dead-letters", "list", "--borker", "x"],
        "tidings: unknown option '--borker'\n(Did you mean --broker?)\n(run with --help for the options)",
      ],
    ];
    const ended = await Promise.all(wrong.map(([args]) => run(...args)));
    for (const [index, { code, output }] of ended.entries()) {
      expect(code).toBe(1);
      expect(output).toContain(wrong[index]?.[1]);
      expect(output).not.toContain("    at ");
    }
  });
});
