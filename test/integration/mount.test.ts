import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";

import express from "express";
import {
  application,
  consumer,
  createApp,
  feed,
  httpConsumer,
  mount,
  type ApplicationOptions,
  type Mount,
  type MountOptions,
} from "tidings";
import { describe, expect, test } from "vitest";
import { WebSocketServer } from "ws";

import { refusedHandshake, Socket } from "./socket.ts";

/** Says over a WebSocket which URL it was asked for. */
const whereabouts = consumer({
  path: "/ws/:name",
  connect: (connection) => {
    connection.send([connection.params.name, new URL(connection.request.url).pathname]);
  },
});
const echo = httpConsumer({
  path: "/echo",
  handle: async (request) => Response.json([new URL(request.url).pathname, await request.json()]),
});
const clock = feed({ path: "/clock", snapshot: () => 0 });

function mountRoutes(
  options: MountOptions = { prefix: "/live" },
  rest: Partial<ApplicationOptions> = {},
): Mount {
  const app = createApp({ name: "test", broker: "memory:" });
  return mount(application({ app, routes: [whereabouts, echo, clock], ...rest }), options);
}

/** A server that somebody else owns. */
class Site implements AsyncDisposable {
  readonly server: Server;

  private constructor(server: Server) {
    this.server = server;
  }

  static async start(listener: RequestListener): Promise<Site> {
    const server = createServer(listener).listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Site(server);
  }

  get host(): string {
    const address = this.server.address();
    return `127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
  }

  get url(): string {
    return `http://${this.host}`;
  }

  get webSocketUrl(): string {
    return `ws://${this.host}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
  }
}

function post(body: string, contentType: string): RequestInit {
  return {
    method: "POST",
    body,
    headers: { "content-type": contentType },
    signal: AbortSignal.timeout(20_000),
  };
}

/** A site of `node:http` without pages. */
async function startSite(...mounts: readonly Mount[]): Promise<Site> {
  const site = await Site.start((request, response) => {
    if (mounts.some(({ handle }) => handle(request, response))) return;
    response.statusCode = 404;
    response.end("the site's own 404");
  });
  for (const { attach } of mounts) attach(site.server);
  return site;
}

describe("a mounted application", () => {
  test("routes without its prefix, and shows handlers the whole URL", async () => {
    await using live = mountRoutes();
    await using site = await startSite(live);
    const answer = await fetch(`${site.url}/live/echo?a=1`, post("[1]", "application/json"));
    expect(await answer.json()).toEqual(["/live/echo", [1]]);
    await using socket = await Socket.open(`${site.webSocketUrl}/live/ws/a`);
    expect(await socket.next()).toEqual(["a", "/live/ws/a"]);
  });

  test("counts its prefix from the root, however deep its Express router is", async () => {
    await using live = mountRoutes({ prefix: "/api/live" });
    const router = express.Router().use(live.middleware);
    await using site = await Site.start(express().use("/api", router));
    live.attach(site.server);
    const answer = await fetch(`${site.url}/api/live/echo`, post("1", "application/json"));
    expect(await answer.json()).toEqual(["/api/live/echo", 1]);
    await using socket = await Socket.open(`${site.webSocketUrl}/api/live/ws/b`);
    expect(await socket.next()).toEqual(["b", "/api/live/ws/b"]);
  });

  test("leaves to the site what no route matches, beside and behind its prefix", async () => {
    await using live = mountRoutes();
    await using site = await startSite(live);
    for (const path of ["/", "/clock", "/live", "/live/", "/livelier/clock", "/live/clock/x"]) {
      expect([path, await (await fetch(site.url + path)).text()]).toEqual([
        path,
        "the site's own 404",
      ]);
    }
    expect((await fetch(`${site.url}/live/clock`)).status).toBe(200);
  });

  test("answers everything behind its prefix when it has pages of its own", async () => {
    await using live = mountRoutes(undefined, {
      http: ({ url }) => new Response(`page ${new URL(url).pathname}`),
    });
    await using site = await startSite(live);
    expect(await (await fetch(`${site.url}/live/about`)).text()).toBe("page /live/about");
    expect(await (await fetch(`${site.url}/about`)).text()).toBe("the site's own 404");
  });

  test("answers what its routes match when it has no prefix", async () => {
    await using live = mountRoutes({});
    await using site = await startSite(live);
    expect((await fetch(`${site.url}/clock`)).status).toBe(200);
    expect((await fetch(`${site.url}/other`)).status).toBe(404);
    await using socket = await Socket.open(`${site.webSocketUrl}/ws/c`);
    expect(await socket.next()).toEqual(["c", "/ws/c"]);
  });

  test("says so when something has read the body before, instead of waiting for it", async () => {
    await using live = mountRoutes();
    await using site = await Site.start(express().use(express.json()).use(live.middleware));
    const url = `${site.url}/live/echo`;
    const answer = await fetch(url, post("[1]", "application/json"));
    expect(answer.status).toBe(500);
    expect(await answer.json()).toMatchObject({ error: { code: "REQUEST_BODY_READ" } });
    // What the parser leaves alone is still there, and most requests have no body.
    expect(await (await fetch(url, post("[1]", "text/plain"))).json()).toEqual(["/live/echo", [1]]);
    expect((await fetch(`${site.url}/live/clock`)).status).toBe(200);
  });

  test("logs no query of a request that it could not read, since it may hold a token", async () => {
    const log: object[] = [];
    const error = (fields: object): void => void log.push(fields);
    const logger = { debug() {}, info() {}, warn() {}, error };
    await using live = mountRoutes({ prefix: "/live", logger });
    await using site = await Site.start(express().use(express.json()).use(live.middleware));
    await fetch(`${site.url}/live/echo?access_token=secret`, post("[1]", "application/json"));
    expect(log).toEqual([{ url: "/live/echo" }]);
  });

  test("tells behind its prefix how it is, when it is told to", async () => {
    let reason: string | undefined = "no disk";
    const checks = { disk: () => reason };
    const http = (): Response => new Response("a page");
    await using live = mountRoutes(
      { prefix: "/live", health: { readyPath: "/ready", checks } },
      { http },
    );
    await using silent = mountRoutes({ prefix: "/silent" });
    await using site = await startSite(live, silent);
    const ask = async (path: string): Promise<[number, unknown]> => {
      const answer = await fetch(site.url + path);
      return [answer.status, await answer.text()];
    };
    expect(await ask("/live/healthz")).toEqual([200, '{"status":"ok"}']);
    expect(await ask("/live/ready")).toEqual([
      503,
      '{"status":"unavailable","reasons":["disk: no disk"]}',
    ]);
    reason = undefined;
    expect(await ask("/live/ready")).toEqual([200, '{"status":"ready"}']);
    expect(await ask("/live/readyz")).toEqual([200, "a page"]);
    for (const path of ["/healthz", "/silent/healthz"]) {
      expect(await ask(path)).toEqual([404, "the site's own 404"]);
    }
    await live.stop();
    expect(await ask("/live/healthz")).toEqual([200, '{"status":"ok"}']);
    expect(await ask("/live/ready")).toEqual([
      503,
      '{"status":"unavailable","reasons":["draining"]}',
    ]);
    expect((await ask("/live/other"))[0]).toBe(503);
  });

  test("is refused a prefix that is no path", () => {
    for (const prefix of ["live", "/", "/live/", "/a b", "/:id"]) {
      expect(() => mountRoutes({ prefix })).toThrow("expected `prefix` to be a path");
    }
  });
});

describe("upgrades of a server with mounted applications", () => {
  test("go to the one whose path it is, and to other libraries otherwise", async () => {
    await using one = mountRoutes({ prefix: "/one" });
    await using two = mountRoutes({});
    await using site = await startSite(one, two);
    const others = new WebSocketServer({ noServer: true });
    site.server.on("upgrade", (request, socket, head) => {
      if (request.url !== "/other") return;
      others.handleUpgrade(request, socket, head, (websocket) => {
        websocket.on("message", (data: Buffer) => websocket.send(data.toString()));
      });
    });
    for (const path of ["/one/ws/x", "/ws/x"]) {
      await using socket = await Socket.open(site.webSocketUrl + path);
      expect(await socket.next()).toEqual(["x", path]);
    }
    await using other = await Socket.open(`${site.webSocketUrl}/other`);
    for (const message of ["other", "and again"]) {
      other.send(message);
      expect(await other.next()).toBe(message);
    }
  });

  test("are refused when nobody else could take them", async () => {
    await using one = mountRoutes({ prefix: "/one" });
    await using two = mountRoutes({ prefix: "" });
    await using site = await startSite(one, two);
    for (const path of ["/one/nothing", "/nothing"]) {
      expect(await refusedHandshake(site.webSocketUrl + path)).toMatchObject({ status: 404 });
    }
  });

  test("reach it no more when it is detached", async () => {
    await using live = mountRoutes();
    await using site = await startSite();
    const detach = live.attach(site.server);
    await using socket = await Socket.open(`${site.webSocketUrl}/live/ws/x`);
    expect(await socket.next()).toEqual(["x", "/live/ws/x"]);
    detach();
    expect(await refusedHandshake(`${site.webSocketUrl}/live/ws/x`)).toMatchObject({ status: 404 });
  });
});

describe("a mounted application that stops", () => {
  test("closes its connections, lets requests finish, and refuses what comes later", async () => {
    const entered = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const slow = httpConsumer({
      path: "/slow",
      async handle() {
        entered.resolve();
        await release.promise;
        return new Response("done");
      },
    });
    await using live = mountRoutes(undefined, { routes: [slow, whereabouts] });
    await using site = await startSite(live);
    await using socket = await Socket.open(`${site.webSocketUrl}/live/ws/x`);
    const answer = fetch(`${site.url}/live/slow`);
    await entered.promise;
    let isOver = false;
    const stopped = Promise.race([live.stop(), live.stop()]).then(() => (isOver = true));
    expect(await socket.closed).toMatchObject({ code: 1001 });
    expect(live.state).toBe("stopping");
    expect((await fetch(`${site.url}/live/slow`)).status).toBe(503);
    expect(await refusedHandshake(`${site.webSocketUrl}/live/ws/x`)).toMatchObject({ status: 503 });
    expect(isOver).toBe(false);
    release.resolve();
    expect(await (await answer).text()).toBe("done");
    await stopped;
    expect(live.state).toBe("stopped");
    await live.stop();
    // The site itself goes on.
    expect(await (await fetch(site.url)).text()).toBe("the site's own 404");
  });

  test("cuts off what is left when the signal fires", async () => {
    const entered = Promise.withResolvers<void>();
    const hang = httpConsumer({
      path: "/hang",
      async handle() {
        entered.resolve();
        return await new Promise<Response>(() => {});
      },
    });
    await using live = mountRoutes(undefined, { routes: [hang] });
    await using site = await startSite(live);
    const answer = fetch(`${site.url}/live/hang`).catch(() => "cut off");
    await entered.promise;
    await live.stop({ signal: AbortSignal.abort() });
    expect(await answer).toBe("cut off");
    expect(live.state).toBe("stopped");
  });
});
