import { once } from "node:events";
import { mkdtempDisposable, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { pollConsumer, post } from "../integration/consumer-client.ts";
import { Socket } from "../integration/socket.ts";
import { RedisServer } from "../redis/redis-server.ts";
import { Tidings } from "./tidings.ts";

const FIXTURE = fileURLToPath(new URL("workers-application.ts", import.meta.url));

function serve(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Tidings {
  return new Tidings(["serve", FIXTURE, "--port", "0", "--workers", "2", ...args], env);
}

/** The address of a server, once all its workers take requests. */
async function urlOf(server: Tidings): Promise<string> {
  const [, url = ""] = await server.until(/"url":"([^"]+)"[^\n]*"server started"/);
  return url;
}

function pidsOf({ output }: Tidings): readonly number[] {
  return [...output.matchAll(/"childPid":(\d+)/g)].map(([, pid]) => Number(pid));
}

/** Connections, and the processes that hold them. */
async function open(url: string, count: number) {
  const sockets: Socket[] = [];
  for (let n = 0; n < count; n++) {
    sockets.push(await Socket.open(`${url.replace("http", "ws")}/room`));
  }
  return sockets;
}

/** Who holds each connection, as a message of the first to the room tells. */
async function holdersOf(sockets: readonly Socket[]): Promise<readonly unknown[]> {
  sockets[0]?.send({ text: "who?" });
  const answers = await Promise.all(sockets.map((socket) => socket.next()));
  const [first] = answers;
  for (const answer of answers) expect(answer).toMatchObject({ text: "who?" });
  expect(first).toMatchObject({ from: (first as { heardBy: number }).heardBy });
  return answers.map((answer) => (answer as { heardBy: number }).heardBy);
}

function isGone(pid: number): boolean {
  try {
    return !process.kill(pid, 0);
  } catch {
    return true;
  }
}

test("workers have one history and one presence in memory", async () => {
  await using server = serve();
  const url = await urlOf(server);
  await expectSameHistory(url);
  expect(await countPresent(url)).toEqual(new Map(pidsOf(server).map((pid) => [pid, 4])));
  await server.until(/left hall, which has 0\n/);
  const changes = server.output.match(/^\w+ hall, which has \d$/gm) ?? [];
  expect(changes.toSorted()).toEqual([
    ...[1, 2, 3, 4].map((count) => `joined hall, which has ${count}`),
    ...[0, 1, 2, 3].map((count) => `left hall, which has ${count}`),
  ]);
});

/** A cursor of one is good in the other. */
async function expectSameHistory(url: string): Promise<void> {
  // A connection each, which the workers get in turn.
  const headers = { connection: "close" };
  const poll = async (cursor = "") => {
    const response = await fetch(`${url}/log?cursor=${cursor}`, { headers });
    return (await response.json()) as {
      readonly cursor: string;
      readonly events: readonly { readonly data: unknown }[];
    };
  };
  const { cursor } = await poll();
  expect((await poll()).cursor).toBe(cursor);
  const pids = new Set<unknown>();
  for (const n of [1, 2, 3, 4]) {
    const response = await fetch(`${url}/log/${n}`, { headers });
    pids.add(await response.json());
  }
  expect(pids.size).toBe(2);
  for (let asked = 0; asked < 4; asked++) {
    await expect
      .poll(async () => (await poll(cursor)).events.map(({ data }) => data))
      .toEqual([1, 2, 3, 4]);
  }
}

/** How many of four connections, two with each worker, each worker knows; they close. */
async function countPresent(url: string): Promise<ReadonlyMap<number, number>> {
  const sockets: Socket[] = [];
  for (let n = 0; n < 4; n++) {
    sockets.push(await Socket.open(`${url.replace("http", "ws")}/present`));
  }
  await Promise.all(sockets.map((socket) => socket.next()));
  const counts = new Map<number, number>();
  for (let asked = 0; asked < 4; asked++) {
    const response = await fetch(`${url}/hall`, { headers: { connection: "close" } });
    const [pid, count] = (await response.json()) as [number, number];
    counts.set(pid, count);
  }
  for (const socket of sockets) socket.raw.close();
  return counts;
}

/** Speaks over one connection by requests of which each goes to the next process (PROTOCOL.md 10.2). */
async function expectCarriedInTurn(url: string): Promise<void> {
  const headers = { connection: "close" };
  const { connection, cursor: begin } = await pollConsumer(url, undefined, headers);
  let cursor = begin;
  const heard: unknown[] = [];
  for (let n = 0; n < 4; n++) {
    const say = { id: n, data: { text: `${n}` } };
    const answer = await post(`${url}?connection=${connection}`, say, headers);
    expect(await answer.json()).toEqual({ answers: [{ ack: n }] });
    const page = await pollConsumer(url, cursor, headers);
    expect(page.connection).toBe(connection);
    ({ cursor } = page);
    heard.push(...page.events.map(({ data }) => data));
  }
  expect(heard).toMatchObject(["0", "1", "2", "3"].map((text) => ({ text })));
  // All in the process where it lives.
  const [{ heardBy: home }] = heard as [{ heardBy: number }];
  for (const each of heard) expect(each).toMatchObject({ from: home, heardBy: home });
}

test("several processes share a port, the layer and connections over HTTP; one that is killed is replaced", async () => {
  await using server = serve();
  const url = await urlOf(server);
  await expectCarriedInTurn(`${url}/room`);
  const [one, two] = pidsOf(server);
  const sockets = await open(url, 4);
  const holders = await holdersOf(sockets);
  process.kill(Number(two), "SIGKILL");
  const staying = sockets.filter((_, index) => holders[index] === one);
  const leaving = sockets.filter((_, index) => holders[index] === two);
  expect([staying.length, leaving.length]).toEqual([2, 2]);
  for (const socket of leaving) expect(await socket.closed).toMatchObject({ code: 1006 });
  expect(await holdersOf(staying)).toEqual([one, one]);
  await server.until(/server worker \d process died, starting it again/);
  await server.until(/(?:"server worker ready"[^]*){3}/);
  const third = pidsOf(server).at(-1);
  const all = [...staying, ...(await open(url, 4))];
  expect((await holdersOf(all)).filter((pid) => pid === third)).toHaveLength(2);
  server.kill("SIGTERM");
  const closings = await Promise.all(all.map(({ closed }) => closed));
  expect(closings.map(({ code }) => code)).toEqual(Array(6).fill(1001));
  const { code, output } = await server.ended;
  expect(code).toBe(0);
  expect(pidsOf(server).every(isGone)).toBe(true);
  const started = output.match(/^.*"server started".*$/gm) ?? [];
  expect(started).toHaveLength(1);
  expect(JSON.parse(started[0] ?? "")).toMatchObject({ workers: 2, application: "workers" });
  expect(output).toMatch(/"worker":1[^\n]*"server worker ready"/);
  expect(output).toMatch(/"worker":2[^\n]*"server stopped"/);
  expect(output).not.toContain('"level":"error"');
});

test("all workers are replaced on the same port when all are killed", async () => {
  await using server = serve();
  const url = await urlOf(server);
  for (const pid of pidsOf(server)) process.kill(pid, "SIGKILL");
  await server.until(/(?:"server worker ready"[^]*){4}/);
  expect(pidsOf(server)).toContain(await (await fetch(url)).json());
});

test("a worker that ends by itself is replaced, once all have been well", async () => {
  await using server = serve();
  const url = await urlOf(server);
  await expect(fetch(`${url}/exit`)).rejects.toThrow("fetch failed");
  await server.until(/"reason":3[^\n]*process died, starting it again/);
  await server.until(/(?:"server worker ready"[^]*){3}/);
  const sockets = await open(url, 2);
  expect(await holdersOf(sockets)).toContain(pidsOf(server).at(-1));
});

test("a worker that cannot start any more is tried again and again, after growing waits", async () => {
  await using folder = await mkdtempDisposable(join(tmpdir(), "tidings-"));
  const brokenFile = join(folder.path, "broken");
  await using server = serve([], { BROKEN_FILE: brokenFile });
  const url = await urlOf(server);
  const [one, two] = pidsOf(server);
  await writeFile(brokenFile, "");
  process.kill(Number(two), "SIGKILL");
  await server.until(/"failures":1,"waitMs":500[^]*"failures":2,"waitMs":1000/);
  expect(await holdersOf(await open(url, 2))).toEqual([one, one]);
  await rm(brokenFile);
  await server.until(/(?:"server worker ready"[^]*){3}/);
  expect(await holdersOf(await open(url, 2))).toContain(pidsOf(server).at(-1));
});

test("background consumers in every worker share what is sent to their channel", async () => {
  await using server = serve(["--runworker"]);
  await fetch(`${await urlOf(server)}/jobs`);
  await expect.poll(() => [...server.output.matchAll(/^job \d/gm)].length).toBe(10);
  for (const pid of pidsOf(server)) expect(server.output).toContain(`in ${pid}`);
  expect(server.output.match(/"runworker started"/g)).toHaveLength(1);
});

test("workers use one Redis, each with its own connection; auto is one for each core", async () => {
  await using redis = await RedisServer.start();
  await using server = serve(["--workers", "auto"], { LAYER_URL: redis.url });
  const url = await urlOf(server);
  const pids = pidsOf(server);
  const cores = availableParallelism();
  expect(pids).toHaveLength(cores > 1 ? cores : 0);
  const sockets = await open(url, cores);
  expect(new Set(await holdersOf(sockets)).size).toBe(cores);
});

test("what workers cannot share is told once", async () => {
  await using server = serve(["--worker"]);
  await urlOf(server);
  expect(server.output.match(/each worker has its own tasks/g)).toHaveLength(1);
  expect(server.output.match(/nobody reads these channels/g)).toHaveLength(1);
});

test.each([
  [["--workers", "0"], "Expected a whole number from 1 to 256, or auto."],
  [["--tls-cert", "cert.pem"], "expected both --tls-cert and --tls-key"],
  [["--host", "host.invalid"], "cannot listen on host.invalid"],
])("one error says what is wrong with %j", async (args, message) => {
  const { code, output } = await serve(args).ended;
  expect(code).toBe(1);
  expect(output.split(message)).toHaveLength(2);
  expect(output).not.toContain("    at ");
});

test.each([
  ["at once", { LAYER_URL: "carrier-pigeon://loft" }, /APP_INVALID_URL/g],
  ["after a while", { LOAD_MS: "5100" }, /APP_LOAD_FAILED/g],
])("one error says that the application cannot be loaded, %s", async (_when, env, message) => {
  const server = serve([], env);
  const { code, output } = await server.ended;
  expect(code).toBe(1);
  expect(output.match(message)).toHaveLength(1);
  expect(pidsOf(server)).toHaveLength(1);
});

test("one error says that the port is in use", async () => {
  const busy = createServer().listen(0, "127.0.0.1");
  await once(busy, "listening");
  const address = busy.address();
  const port = String(typeof address === "object" && address ? address.port : 0);
  const { code, output } = await serve(["--port", port]).ended;
  busy.close();
  expect(code).toBe(1);
  expect(output.match(/is in use/g)).toHaveLength(1);
});

test("a second signal ends all workers at once", async () => {
  await using server = serve(["--stop-timeout", "60"]);
  const hanging = fetch(`${await urlOf(server)}/hang`).catch(() => "cut off");
  await Promise.all([fetch(await urlOf(server)), fetch(await urlOf(server))]);
  server.kill("SIGTERM");
  await server.until(/"worker":\d[^\n]*a second signal ends it at once/);
  server.kill("SIGTERM");
  expect(await server.ended).toMatchObject({ code: 143 });
  expect(await hanging).toBe("cut off");
});

test("a signal to the whole process group is one signal", async () => {
  await using server = serve();
  const sockets = await open(await urlOf(server), 2);
  for (const pid of pidsOf(server)) process.kill(pid, "SIGINT");
  await holdersOf(sockets);
  for (const pid of pidsOf(server)) process.kill(pid, "SIGTERM");
  server.kill("SIGTERM");
  const closings = await Promise.all(sockets.map(({ closed }) => closed));
  expect(closings.map(({ code }) => code)).toEqual([1001, 1001]);
  expect(await server.ended).toMatchObject({ code: 0 });
});

test("no worker is left when the process that started them is killed", async () => {
  await using server = serve();
  const url = await urlOf(server);
  const sockets = await open(url, 2);
  server.kill("SIGKILL");
  // The output ends when the last process that holds it does.
  expect(await server.ended).toMatchObject({ signal: "SIGKILL" });
  for (const socket of sockets) expect(await socket.closed).toMatchObject({ code: 1006 });
  await expect(fetch(url)).rejects.toThrow("fetch failed");
});
