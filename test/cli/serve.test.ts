import { once } from "node:events";
import { copyFileSync } from "node:fs";
import { request } from "node:https";
import type { TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { Certificate } from "../redis/certificate.ts";
import { Tidings } from "./tidings.ts";

const FIXTURE = fileURLToPath(new URL("application.ts", import.meta.url));
const ENV = { BROKER_URL: "memory:" };

const serve = (...args: readonly string[]): Tidings =>
  new Tidings(["serve", FIXTURE, "--port", "0", ...args], ENV);

test("serves with a certificate, and with another one after SIGHUP", async () => {
  using certificate = new Certificate();
  using next = new Certificate();
  const { certFile, keyFile } = certificate;
  await using server = serve("--tls-cert", certFile, "--tls-key", keyFile);
  const [, port] = await server.until(/https:\/\/localhost:(\d+)/);
  const trusts = async (pem: string): Promise<number | undefined> => {
    const asked = request({ host: "127.0.0.1", port, path: "/healthz", ca: pem, agent: false });
    const [response] = await once(asked.end(), "response");
    const socket: TLSSocket = response.socket;
    expect(socket.authorized).toBe(true);
    response.resume();
    return response.statusCode;
  };
  expect(await trusts(certificate.pem)).toBe(200);
  copyFileSync(next.certFile, certFile);
  copyFileSync(next.keyFile, keyFile);
  server.kill("SIGHUP");
  await server.until(/certificate renewed/);
  await expect(trusts(certificate.pem)).rejects.toThrow("self-signed");
  expect(await trusts(next.pem)).toBe(200);
  server.kill("SIGTERM");
  expect(await server.ended).toMatchObject({ code: 0 });
});

test("believes the proxies that it is told of, and tells no health when told so", async () => {
  await using server = serve("--trusted-proxies", "loopback", "--no-health");
  const [, url] = await server.until(/(http:\/\/localhost:\d+)/);
  expect((await fetch(`${url}/healthz`)).status).toBe(404);
  const headers = { "x-forwarded-proto": "https", "x-forwarded-host": "site.example" };
  const seen = await fetch(`${url}/url`, { headers });
  expect(await seen.text()).toBe("https://site.example/url");
});

test("dev gives its server what it is told of how to listen", async () => {
  using certificate = new Certificate();
  const tls = ["--tls-cert", certificate.certFile, "--tls-key", certificate.keyFile];
  const args = [...tls, "--no-health", "--trusted-proxies", "loopback"];
  await using dev = new Tidings(["dev", FIXTURE, "--port", "0", "--no-watch", ...args], ENV);
  const [, port] = await dev.until(/https:\/\/localhost:(\d+)/);
  const ask = async (path: string): Promise<[number | undefined, string]> => {
    const headers = { "x-forwarded-host": "site.example" };
    const options = { host: "127.0.0.1", port, path, ca: certificate.pem, agent: false, headers };
    const [response] = await once(request(options).end(), "response");
    return [response.statusCode, (await response.toArray()).join("")];
  };
  expect(await ask("/url")).toEqual([200, "https://site.example/url"]);
  expect((await ask("/healthz"))[0]).toBe(404);
});

test("has the limits that it is told of", async () => {
  await using server = serve("--limit", "maxBodyBytes=10", "--limit", "maxConnections=none");
  const [, url] = await server.until(/(http:\/\/localhost:\d+)/);
  const post = async (body: string): Promise<number> =>
    (await fetch(`${url}/url`, { method: "POST", body })).status;
  expect([await post("x".repeat(11)), await post("x".repeat(10))]).toEqual([413, 200]);
});

test.each([
  [["--limit", "maxBodyByte=10"], "Expected one of maxMessageBytes, maxFragments"],
  [["--limit", "maxBodyBytes=ten"], "Expected a whole number after the equals sign"],
  [["--limit", "maxBodyBytes=none"], "expected `maxBodyBytes` to be a positive integer"],
  [["--tls-cert", "cert.pem"], "expected both --tls-cert and --tls-key"],
  [["--tls-cert", "nowhere.pem", "--tls-key", "nowhere.pem"], "cannot read nowhere.pem"],
  [["--trusted-proxies", "proxy.example"], "expected `trustedProxies` to be addresses"],
  [["--trusted-proxies", "10.0.0.1,"], "Expected addresses separated by commas."],
  [["--proxy-headers", "all"], "Allowed choices are x-forwarded, forwarded."],
])("says what is wrong with %j", async (args, message) => {
  const { code, output } = await serve(...args).ended;
  expect(code).toBe(1);
  expect(output).toContain(message);
  expect(output).not.toContain("    at ");
});
