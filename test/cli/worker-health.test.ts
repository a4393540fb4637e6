import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

import { describe, expect, test } from "vitest";

import { freePort } from "../free-port.ts";
import { eventually } from "../redis/eventually.ts";
import { RedisServer } from "../redis/redis-server.ts";
import { Tidings } from "./tidings.ts";

const FIXTURE = fileURLToPath(new URL("application.ts", import.meta.url));

async function ask(url: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const response = await fetch(url);
  const body: Record<string, unknown> = JSON.parse(await response.text());
  return { status: response.status, body };
}

function startWorker(broker: string): Tidings {
  return new Tidings(["worker", FIXTURE, "--health-port", "0", "-n", "one@here"], {
    BROKER_URL: broker,
  });
}

describe("tidings worker --health-port", () => {
  test("tells that the broker is not there, that it hangs, and that it is back", async () => {
    const port = await freePort();
    const broker = `redis://127.0.0.1:${port}`;
    await using worker = startWorker(broker);
    const [, url = ""] = await worker.until(/"url":"(http:[^"]+)"/);
    await worker.until(/"messages could not be taken; it is tried again"/);
    expect(worker.output).not.toContain('"worker started"');
    const down = await ask(`${url}/readyz`);
    expect(down).toMatchObject({ status: 503, body: { status: "unavailable" } });
    expect(String(down.body["reasons"])).toContain("broker: ");
    expect((await ask(`${url}/healthz`)).status).toBe(200);

    await using server = await RedisServer.start([], port);
    await eventually(async () => (await ask(`${url}/readyz`)).status === 200);
    await worker.until(/"worker started"/);
    await worker.until(/"messages can be taken again"/);

    server.signal("SIGSTOP");
    expect(await ask(`${url}/readyz`)).toEqual({
      status: 503,
      body: { status: "unavailable", reasons: ["broker: no answer within 2000 ms"] },
    });
    server.signal("SIGCONT");
    await eventually(async () => (await ask(`${url}/readyz`)).status === 200);
    const call = new Tidings(["call", "-b", broker, "fixture.add", "-a", "[1, 2]", "--wait", "30"]);
    expect(await call.ended).toMatchObject({ code: 0, output: "3\n" });
    expect(await ask(`${url}/healthz`)).toMatchObject({
      status: 200,
      body: { status: "ok", worker: "one@here", state: "running", restarts: 0 },
    });
    expect((await ask(`${url}/other`)).status).toBe(404);
    expect((await fetch(`${url}/healthz`, { method: "POST" })).status).toBe(405);
    worker.kill("SIGTERM");
    expect(await worker.ended).toMatchObject({ code: 0 });
  });

  test("says that a port is in use", async () => {
    const busy = createServer();
    await new Promise<void>((resolve) => busy.listen(0, "127.0.0.1", resolve));
    const address = busy.address();
    const port = typeof address === "object" && address ? String(address.port) : "";
    await using worker = new Tidings(["worker", FIXTURE, "--health-port", port], {
      BROKER_URL: "redis://127.0.0.1:1",
    });
    const { code, output } = await worker.ended;
    busy.close();
    expect(code).toBe(1);
    expect(output).toContain(`port ${port} on 127.0.0.1 is in use`);
    expect(output).not.toContain("    at ");
  });
});
