import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

import { storedSessions } from "tidings";
import { expect, test } from "vitest";
import { z } from "zod";

/** Creates a session, then says of each cookie that it gets whether it is a session's. */
const PROGRAM = `
  import { createInterface } from "node:readline";
  import { storedSessions } from "tidings";
  import { z } from "zod";

  const [store, secret] = process.argv.slice(1);
  const sessions = storedSessions({ store, secret, data: z.object({ name: z.string() }) });
  const { setCookie } = await sessions.create({ name: "ada" });
  console.log(setCookie);
  for await (const cookie of createInterface(process.stdin)) {
    const request = new Request("https://site.example/", { headers: { cookie } });
    console.log(JSON.stringify((await sessions.load(request))?.data ?? null));
  }
`;

test("processes share the sessions of a file, which outlive one that is killed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tidings-sessions-"));
  const store = `sqlite:${join(folder, "sessions.db")}`;
  const secret = "a secret for tests, 32 characters";
  const child = spawn(
    process.execPath,
    ["--conditions=tidings-source", "--input-type=module", "-e", PROGRAM, store, secret],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  try {
    await using sessions = storedSessions({ store, secret, data: z.object({ name: z.string() }) });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const next = async (): Promise<string> => String((await lines.next()).value);
    const pairOf = (setCookie: string): string => setCookie.split(";")[0] ?? "";
    const load = async (cookie: string) =>
      await sessions.load(new Request("https://site.example/", { headers: { cookie } }));

    const theirs = pairOf(await next());
    expect((await load(theirs))?.data).toEqual({ name: "ada" });
    const ours = await sessions.create({ name: "grace" });
    child.stdin.write(`${pairOf(ours.setCookie)}\n`);
    expect(await next()).toBe('{"name":"grace"}');
    await sessions.destroy(ours.session);
    child.stdin.write(`${pairOf(ours.setCookie)}\n`);
    expect(await next()).toBe("null");

    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
    expect((await load(theirs))?.data).toEqual({ name: "ada" });
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  }
});

/** Says whether jose has been loaded after importing everything, and after the first token. */
const LOADING = `
  import { registerHooks } from "node:module";

  const loaded = new Set();
  registerHooks({
    resolve(specifier, context, next) {
      loaded.add(specifier);
      return next(specifier, context);
    },
  });
  const { tokenAuth } = await import("tidings");
  const auth = tokenAuth({ secret: "a secret for tests, 32 characters", user: () => null });
  const request = new Request("https://site.example/", { headers: { authorization: "Bearer x" } });
  const before = loaded.has("jose");
  const { status } = await auth({ request, user: null });
  console.log(JSON.stringify([before, loaded.has("jose"), status]));
`;

test("who has no tokens does not load what reads them", async () => {
  const flags = ["--conditions=tidings-source", "--input-type=module", "-e", LOADING];
  const { stdout } = await promisify(execFile)(process.execPath, flags);
  expect(JSON.parse(stdout)).toEqual([false, true, 401]);
});
