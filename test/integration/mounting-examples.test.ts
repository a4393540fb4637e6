import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";

import { describe, expect, test } from "vitest";

import { refusedHandshake, Socket } from "./socket.ts";
import { openStream } from "./stream.ts";

/** A server of `examples/mounting` in a process of its own. */
class Example implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly ended: Promise<unknown[]>;
  readonly url: string;
  readonly webSocketUrl: string;

  private constructor(child: ChildProcess, port: string) {
    this.#child = child;
    this.ended = once(child, "exit");
    this.url = `http://127.0.0.1:${port}`;
    this.webSocketUrl = `ws://127.0.0.1:${port}`;
  }

  static async start(name: string): Promise<Example> {
    const path = `examples/mounting/${name}.ts`;
    const child = spawn(process.execPath, ["--conditions=tidings-source", path], {
      env: { ...process.env, PORT: "0" },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    for await (const chunk of child.stdout) {
      output += String(chunk);
      const [, port] = /port: (\d+)/.exec(output) ?? [];
      if (port !== undefined) return new Example(child, port);
    }
    throw new Error(`${path} ended without a port:\n${output}`);
  }

  stop(): void {
    this.#child.kill("SIGTERM");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.ended;
  }
}

const SERVERS = [
  ["node-http", "node:http"],
  ["express", "Express"],
  ["fastify", "Fastify"],
  ["hono", "Hono"],
] as const;

describe.each(SERVERS)("an application mounted as in %s.ts", (name, site) => {
  test("answers what is behind its prefix over every delivery, and leaves the rest to the site", async () => {
    await using example = await Example.start(name);
    const { url, webSocketUrl } = example;

    // The site's own pages, and its own 404, behind the prefix as well.
    const page = await fetch(url);
    expect([page.status, await page.text()]).toEqual([200, `a page of ${site}`]);
    expect((await fetch(`${url}/said`)).status).toBe(404);
    const unmatched = await fetch(`${url}/live/nothing`);
    expect([unmatched.status, unmatched.headers.get("x-site")]).toEqual([404, site]);
    expect(await unmatched.text()).not.toContain("REQUEST_NOT_FOUND");

    // Ours, after the site's middleware.
    const poll = await fetch(`${url}/live/said`);
    expect([poll.status, poll.headers.get("x-site")]).toEqual([200, site]);
    expect(await poll.json()).toMatchObject({ events: [{ data: { listening: true } }] });
    const refused = await fetch(`${url}/live/said`, { method: "POST", body: "x" });
    expect(refused.status).toBe(405);

    await using stream = await openStream(`${url}/live/said`, { accept: "text/event-stream" });
    expect(stream.response.headers.get("x-site")).toBe(site);
    await stream.until('data: {"listening":true}');
    await using socket = await Socket.open(`${webSocketUrl}/live/ws/chat`);
    socket.send({ text: "hello" });
    expect(await socket.next()).toEqual({ type: "chat.said", text: "hello" });
    await stream.until('"text":"hello"');

    // Nobody else would answer these.
    expect((await refusedHandshake(`${webSocketUrl}/live/ws/nothing`)).status).toBe(404);
    expect((await refusedHandshake(`${webSocketUrl}/ws/chat`)).status).toBe(404);
    const foreign = { origin: "https://elsewhere.example" };
    expect((await refusedHandshake(`${webSocketUrl}/live/ws/chat`, foreign)).status).toBe(403);
  });

  test("tells its clients to come back when the site stops, and lets it end", async () => {
    await using example = await Example.start(name);
    await using socket = await Socket.open(`${example.webSocketUrl}/live/ws/chat`);
    await using stream = await openStream(`${example.url}/live/said`, {
      accept: "text/event-stream",
    });
    await stream.until("listening");
    example.stop();
    expect(await socket.closed).toMatchObject({ code: 1001 });
    await expect(stream.until("more than there is")).rejects.toThrow("ended before");
    expect(await example.ended).toEqual([0, null]);
  });
});
