import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { describe, expect, test } from "vitest";

import { Tidings } from "./tidings.ts";

const FIXTURE = fileURLToPath(new URL("application.ts", import.meta.url));

async function run(args: readonly string[], env?: Readonly<Record<string, string>>) {
  return await new Tidings(args, env).ended;
}

/** A folder that is gone after the test. */
async function temporaryFolder() {
  const path = await mkdtemp(join(tmpdir(), "tidings-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

describe("tidings", () => {
  test("explains itself and each command with --help", async () => {
    const all = await run(["--help"]);
    expect(all).toMatchObject({ code: 0 });
    for (const command of ["dev", "serve", "worker"]) {
      expect(all.output).toContain(command);
      const { code, output } = await run([command, "--help"]);
      expect(code).toBe(0);
      expect(output).toContain("--log-level");
    }
  });

  test("keeps what it has compiled for the next start, unless it is told not to", async () => {
    await using folder = await temporaryFolder();
    const env = { TMPDIR: folder.path, NODE_COMPILE_CACHE: "" };
    await run(["call", "--help"], { ...env, NODE_DISABLE_COMPILE_CACHE: "1" });
    expect(await readdir(folder.path)).toEqual([]);
    await run(["call", "--help"], env);
    expect(await readdir(folder.path)).toEqual(["node-compile-cache"]);
  });

  test.each([
    [["nonsense"], "unknown command 'nonsense'"],
    [["serve"], "missing required argument 'module'"],
    [["serve", FIXTURE, "--port", "99999"], "Expected a whole number from 0 to 65535."],
    [["worker", FIXTURE, "--concurrency", "0"], "Expected a whole number from 1 to 1000."],
    [
      ["serve", FIXTURE, "--log-level", "loud"],
      "Allowed choices are debug, info, warn, error, silent.",
    ],
  ])("says what is wrong with %j", async (args, message) => {
    const { code, output } = await run(args);
    expect(code).toBe(1);
    expect(output).toContain(message);
    expect(output).not.toContain("    at ");
  });

  test("says what a module lacks", async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "main.mjs");
    const missing = await run(["serve", path]);
    expect(missing).toMatchObject({ code: 1 });
    expect(missing.output).toContain(`there is no file ${path}; expected a MODULE`);
    expect(missing.output).toContain("[APP_LOAD_FAILED]");
    await writeFile(path, "export default 1;");
    const wrong = await run(["serve", path]);
    expect(wrong).toMatchObject({ code: 1 });
    expect(wrong.output).toContain("to have `export default application({ … })`");
  });

  test("says what to do about a busy port, and ends whatever the application still runs", async () => {
    const busy = createServer();
    await new Promise<void>((resolve) => busy.listen(0, "127.0.0.1", resolve));
    const address = busy.address();
    const port = typeof address === "object" && address ? address.port : 0;
    const { code, output } = await run(["serve", FIXTURE, "--worker", "--port", String(port)], {
      BROKER_URL: "memory:",
      FIXTURE_FAULT: "timer",
    });
    busy.close();
    expect(code).toBe(1);
    expect(output).toContain(`port ${port} on 127.0.0.1 is in use`);
    expect(output).not.toContain("    at ");
  });

  test.each([
    ["serve", FIXTURE, "--worker", "--port", "0"],
    ["worker", FIXTURE],
  ])("ends with the error of tasks that cannot be loaded: %s", async (...args) => {
    const { code, output } = await run(args, { BROKER_URL: "memory:", FIXTURE_FAULT: "tasks" });
    expect(code).toBe(1);
    expect(output).toContain("the tasks are broken");
    expect(output).not.toContain("started");
  });

  test.each([
    ["serve", FIXTURE, "--worker", "--port", "0"],
    ["worker", FIXTURE],
  ])("ends with the error of a worker that cannot be made: %s", async (...args) => {
    const { code, output } = await run([...args, "--queues", "q".repeat(256)], {
      BROKER_URL: "memory:",
      FIXTURE_FAULT: "timer",
    });
    expect(code).toBe(1);
    expect(output).toContain("a queue of a worker");
    expect(output).not.toContain("started");
  });

  test("does not start a worker for a broker that nobody else can send to", async () => {
    const { code, output } = await run(["worker", FIXTURE], { BROKER_URL: "memory:" });
    expect(code).toBe(1);
    expect(output).toContain("BROKER_NOT_SHARED");
    expect(output).not.toContain("started");
  });

  test("says what to do about a folder that it cannot write", async () => {
    // Root may write into any folder, so the folder is a file.
    const { code, output } = await run(["worker", FIXTURE], {
      BROKER_URL: `sqlite:${FIXTURE}/tasks.db`,
    });
    expect(code).toBe(1);
    expect(output).toContain("STORAGE_UNAVAILABLE");
    expect(output).not.toContain("    at ");
  });

  test("says which schemes it knows", async () => {
    const { code, output } = await run(["worker", FIXTURE], {
      BROKER_URL: "carrier-pigeon://loft",
    });
    expect(code).toBe(1);
    expect(output).toMatch(/memory:.*sqlite:|sqlite:.*memory:/);
    expect(output).toContain("APP_INVALID_URL");
  });
});

describe("tidings serve", () => {
  test("says where everything is, serves it, and stops politely on SIGTERM", async () => {
    await using server = new Tidings(["serve", FIXTURE, "--port", "0"], { BROKER_URL: "memory:" });
    const [, line = ""] = await server.until(/^(.*"server started".*)$/m);
    const started = JSON.parse(line);
    expect(started).toMatchObject({
      level: "info",
      application: "fixture",
      routes: [
        { kind: "consumer", path: "/ws/chat" },
        { kind: "feed", path: "/site/clock" },
      ],
      drivers: { layer: "memory:", broker: "memory:", results: "memory:", cache: "memory:" },
    });
    expect(await (await fetch(started.url)).text()).toBe("fixture");
    server.kill("SIGTERM");
    const ended = await server.ended;
    expect(ended).toMatchObject({ code: 0, signal: null });
    expect(ended.output).toContain("server stopped");
  });

  test("stops politely on a signal that comes the moment it has started", async () => {
    await using server = new Tidings(["serve", FIXTURE, "--port", "0"], { BROKER_URL: "memory:" });
    await server.until(/"server started"/);
    server.kill("SIGTERM");
    expect(await server.ended).toMatchObject({ code: 0, signal: null });
  });

  test("cuts off what is left when its time to stop is over", async () => {
    await using server = new Tidings(["serve", FIXTURE, "--port", "0", "--stop-timeout", "1"], {
      BROKER_URL: "memory:",
    });
    const [, url = ""] = await server.until(/"url":"([^"]+)"/);
    const hanging = fetch(`${url}/hang`).catch(() => "cut off");
    await fetch(url);
    server.kill("SIGTERM");
    expect(await hanging).toBe("cut off");
    expect(await server.ended).toMatchObject({ code: 0 });
  });

  test("ends even when the application holds on to a timer", async () => {
    await using server = new Tidings(["serve", FIXTURE, "--port", "0"], { BROKER_URL: "memory:" });
    const [, url = ""] = await server.until(/"url":"([^"]+)"/);
    await fetch(`${url}/timer`);
    server.kill("SIGTERM");
    expect(await server.ended).toMatchObject({ code: 0, signal: null });
  });

  test("stops at once on a second signal", async () => {
    await using server = new Tidings(["serve", FIXTURE, "--port", "0", "--stop-timeout", "60"], {
      BROKER_URL: "memory:",
    });
    const [, url = ""] = await server.until(/"url":"([^"]+)"/);
    const hanging = fetch(`${url}/hang`).catch(() => "cut off");
    await fetch(url);
    server.kill("SIGINT");
    await server.until(/a second signal ends it at once/);
    server.kill("SIGINT");
    expect(await server.ended).toMatchObject({ code: 130 });
    expect(await hanging).toBe("cut off");
  });
});

describe("tidings dev", () => {
  test("keeps server and worker running, and ends both", async () => {
    await using folder = await temporaryFolder();
    await using dev = new Tidings(["dev", FIXTURE, "--port", "0", "--no-watch"], {
      BROKER_URL: `sqlite:${join(folder.path, "tasks.db")}`,
    });
    const [, pid = ""] = await dev.until(/"pid":(\d+)[^\n]*"worker started"/);
    process.kill(Number(pid), "SIGKILL");
    await dev.until(/worker process died, starting it again/);
    const [, second = ""] = await dev.until(
      /"worker started"[^]*"pid":(\d+)[^\n]*"worker started"/,
    );
    expect(second).not.toBe(pid);
    dev.kill("SIGTERM");
    expect(await dev.ended).toMatchObject({ code: 0 });
    expect(() => process.kill(Number(second), 0)).toThrow("ESRCH");
  });

  test("takes its processes with it when it is killed itself", async () => {
    await using folder = await temporaryFolder();
    await using dev = new Tidings(["dev", FIXTURE, "--port", "0", "--no-watch"], {
      BROKER_URL: `sqlite:${join(folder.path, "tasks.db")}`,
    });
    await dev.until(/"worker started"/);
    await dev.until(/"server started"/);
    dev.kill("SIGKILL");
    // The output ends when the last process that holds it does.
    const { signal, output } = await dev.ended;
    expect(signal).toBe("SIGKILL");
    expect(output.match(/"(?:server|worker) stopped"/g)).toHaveLength(2);
  });

  test("takes a process with it that is still loading", async () => {
    await using dev = new Tidings(["dev", FIXTURE, "--port", "0", "--no-watch"], {
      BROKER_URL: "memory:",
      FIXTURE_FAULT: "slow-load",
    });
    await dev.until(/loading/);
    dev.kill("SIGKILL");
    const { signal, output } = await dev.ended;
    expect(signal).toBe("SIGKILL");
    expect(output).toContain("server stopped");
  });

  test("restarts when the code changes", async () => {
    await using folder = await temporaryFolder();
    const main = join(folder.path, "main.mjs");
    await writeFile(main, `export { default } from ${JSON.stringify(FIXTURE)};`);
    await using dev = new Tidings(["dev", main, "--port", "0"], { BROKER_URL: "memory:" });
    await dev.until(/"server started"/);
    await writeFile(main, `export { default } from ${JSON.stringify(FIXTURE)}; // changed`);
    await dev.until(/"changed, restarting"/);
    const [both] = await dev.until(/"server started"[^]*"server started"/);
    expect(both).toContain("server stopped");
  });
});
