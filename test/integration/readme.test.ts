import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { codeBlocks } from "../../scripts/code-blocks.ts";
import { Tidings } from "../cli/tidings.ts";

/** Inside the repository, so that `import … from "tidings"` finds the package by its own name. */
const folder = resolve(".cache", "readme");
let command: Tidings;
let url: string;

beforeAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const program = codeBlocks(readFileSync("README.md", "utf8")).find(
    ({ fileName }) => fileName === "main.ts",
  );
  writeFileSync(join(folder, "main.ts"), String(program?.code));
  command = new Tidings(["serve", "--worker", "main.ts", "--port", "0"], {}, folder);
  const [, port] = await command.until(/"url":"http:\/\/localhost:(\d+)"/);
  url = `http://127.0.0.1:${port}`;
});

afterAll(async () => {
  await command[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

test("the program of the README answers a request with what a worker has added", async () => {
  expect(await (await fetch(url)).json()).toEqual({ sum: 3 });
});

test("what is said in the chat of the README reaches its members and its feed", async () => {
  const feed = await fetch(`${url}/said`, { headers: { accept: "text/event-stream" } });
  const stream = feed.body!.pipeThrough(new TextDecoderStream()).getReader();
  const socket = new WebSocket(`${url.replace("http", "ws")}/ws/chat`);
  await once(socket, "open");
  socket.send(JSON.stringify({ text: "hello" }));
  const [{ data }] = (await once(socket, "message")) as [{ readonly data: string }];
  expect(JSON.parse(data)).toEqual({ type: "chat.said", text: "hello" });
  expect(await readUntil(stream, "hello")).toContain('data: {"listening":true}');
  socket.close();
  await stream.cancel();
});

test("the feed of the README is also lines of JSON and a poll with an ETag", async () => {
  const lines = await fetch(`${url}/said`, { headers: { accept: "application/x-ndjson" } });
  const reader = lines.body!.pipeThrough(new TextDecoderStream()).getReader();
  expect(await readUntil(reader, "\n")).toContain('"data":{"listening":true}');
  await reader.cancel();
  const poll = await fetch(`${url}/said`);
  expect(poll.headers.get("etag")).toMatch(/^"\S+"$/);
});

test("the program of the README is no longer than it says", () => {
  const lines = readFileSync(join(folder, "main.ts"), "utf8").trim().split("\n").slice(1);
  expect(lines.filter((line) => line !== "").length).toBeLessThanOrEqual(20);
});

async function readUntil(
  stream: ReadableStreamDefaultReader<string>,
  end: string,
): Promise<string> {
  let text = "";
  while (!text.includes(end)) {
    const { value, done } = await stream.read();
    if (done) throw new Error(`the stream ended without ${JSON.stringify(end)}: ${text}`);
    text += value;
  }
  return text;
}

test("the command of the README runs on the Node of the packages, whatever the host's is", () => {
  expect(readFileSync("README.md", "utf8")).toContain("npm run tidings -- dev scratch/main.ts");
  const path = String(process.env["PATH"]).split(":");
  const hosts = path.filter((entry) => !entry.includes("node_modules")).join(":");
  const output = execFileSync("npm", ["run", "--silent", "tidings", "--", "--version"], {
    env: { ...process.env, PATH: hosts },
    encoding: "utf8",
  });
  expect(output.trim()).toMatch(/^\d+\.\d+\.\d+$/);
});
