import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";

import { expect, test } from "vitest";

import { startSquare, type Square } from "./start-square.ts";

interface Form {
  readonly body: string | readonly string[];
  /** The address on this machine to send from. */
  readonly from?: string;
}

/** Posts the sign-in form; a list is sent in chunks, without saying how long it is. */
async function post(square: Square, { body, from = "127.0.0.1" }: Form): Promise<number> {
  const { port, origin } = new URL(square.url);
  const outgoing = request({
    host: "127.0.0.1",
    port,
    path: "/sign-in",
    method: "POST",
    localAddress: from,
    agent: false,
    headers: { origin, host: `localhost:${port}`, ...FORM },
  });
  const answer = new Promise<number>((resolve, reject) => {
    outgoing.on("error", reject);
    outgoing.on("response", (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
  });
  if (typeof body === "string") outgoing.end(body);
  else {
    for (const chunk of body) outgoing.write(chunk);
    outgoing.end();
  }
  return await answer;
}

const FORM = { "content-type": "application/x-www-form-urlencoded" };
const WRONG = "name=ada&password=wrong";
const RIGHT = "name=Ada&password=square";

test("passwords tried at the same moment count, and lock nobody else out", async () => {
  await using square = await startSquare();
  const tries = Array.from({ length: 100 }, () => post(square, { body: WRONG }));
  const statuses = await Promise.all(tries);
  expect(statuses.filter((status) => status === 422)).toHaveLength(5);
  expect(statuses.filter((status) => status === 429)).toHaveLength(95);
  expect(await post(square, { body: RIGHT })).toBe(429);
  expect(await post(square, { body: "name=grace&password=square" })).toBe(303);
  expect(await post(square, { body: RIGHT, from: "127.0.0.2" })).toBe(303);
});

test("the right password forgets the wrong ones before it", async () => {
  await using square = await startSquare();
  for (const round of [1, 2]) {
    for (let count = 0; count < 4; count += 1) {
      expect({ round, status: await post(square, { body: WRONG }) }).toEqual({
        round,
        status: 422,
      });
    }
    expect(await post(square, { body: RIGHT })).toBe(303);
  }
});

test("a form that is too large is answered with 413, and one that cannot be read with 400", async () => {
  await using square = await startSquare();
  const chunks = Array.from({ length: 17 }, () => "x".repeat(64 * 1024));
  expect(await post(square, { body: chunks })).toBe(413);
  const unreadable = await fetch(new URL("/sign-in", square.url), {
    method: "POST",
    headers: { origin: square.url, "content-type": "multipart/form-data; boundary=x" },
    body: "no part",
  });
  expect(unreadable.status).toBe(400);
});

/** Starts a server of the square that cannot work; returns what it says. */
async function failToStart(dataFolder: string): Promise<string> {
  const square = "examples/square";
  const node = ["--conditions=tidings-source", "--import", `./${square}/tsx.ts`];
  const child = spawn(
    process.execPath,
    [...node, "src/cli/main.ts", "serve", `${square}/main.ts`, "--port", "0"],
    {
      cwd: join(import.meta.dirname, "../.."),
      env: { ...process.env, SQUARE_DATA: dataFolder },
      stdio: ["ignore", "ignore", "pipe"],
      timeout: 60_000,
    },
  );
  const [said, [exitCode]] = await Promise.all([text(child.stderr), once(child, "exit")]);
  expect(exitCode).toBe(1);
  return said.trim();
}

test("a data folder or database that cannot be used is named in one line", async () => {
  const folder = await mkdtemp(join(tmpdir(), "square-"));
  try {
    const file = join(folder, "square.db");
    await writeFile(file, "This is no database, though it is a file. ".repeat(100));
    const said = [await failToStart("/proc/x"), await failToStart(file), await failToStart(folder)];
    const change = "set SQUARE_DATA to one that you may write to [STORAGE_UNAVAILABLE]";
    expect(said).toEqual([
      `tidings: cannot write to the folder /proc/x; ${change}`,
      `tidings: cannot write to the folder ${file}; ${change}`,
      `tidings: cannot use the database ${file}: file is not a database; restore it, or move it away to start afresh [STORAGE_UNAVAILABLE]`,
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 200_000);
