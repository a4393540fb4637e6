import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { launchBrowser, newPerson, type Person } from "./browser.ts";
import { eventually } from "./eventually.ts";
import { startSquare } from "./start-square.ts";
import { watchTexts } from "./watch-texts.ts";

const DELIVERIES = ["poll", "long-poll", "ndjson", "sse", "websocket", "automatic"];

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

async function events({ page }: Person, delivery: string): Promise<number> {
  return Number(await page.locator(`#delivery-${delivery}`).getAttribute("data-events"));
}

function value({ page }: Person, delivery: string): Promise<string | null> {
  return page.locator(`#delivery-${delivery} .delivery-value`).textContent();
}

async function figure({ page }: Person, delivery: string, name: string): Promise<string | null> {
  return page.locator(`#delivery-${delivery} div:has(> dt:text-is("${name}")) dd`).textContent();
}

/** What the first line is that a command of the page, run in a shell, writes. */
async function firstLine({ page }: Person, delivery: string): Promise<string> {
  const command = page.locator(`#delivery-${delivery} .command`, { hasText: "Terminal" });
  const text = (await command.locator("code").textContent()) ?? "";
  const child = spawn("exec " + text, { shell: true, stdio: ["ignore", "pipe", "inherit"] });
  const [line]: unknown[] = await once(createInterface({ input: child.stdout }), "line");
  child.kill();
  return String(line);
}

test("the pulse beats over all five deliveries, each in its own way, and over the best one", async () => {
  await using square = await startSquare();
  await using guest = await newPerson(browser, square);
  await guest.visit("/deliveries");
  for (const delivery of DELIVERIES) {
    await eventually(() => events(guest, delivery)).toBeGreaterThan(6);
    expect(await value(guest, delivery)).toMatch(/^\d\d:\d\d:\d\d$/);
    const shape = guest.page.locator(`#delivery-${delivery} .timeline-events`);
    expect(await shape.getAttribute("d")).toMatch(/^M/);
  }
  for (const stream of ["ndjson", "sse", "websocket", "automatic"]) {
    expect(await figure(guest, stream, "Requests")).toBe("1");
  }
  const longPolls = Number(await figure(guest, "long-poll", "Requests"));
  expect(longPolls).toBeGreaterThan(Number(await figure(guest, "poll", "Requests")));
  // Of five beats that one poll has brought, the first had waited for four seconds. A page that
  // stands still in between shows the others by themselves.
  await eventually(() => figure(guest, "poll", "Delay")).toMatch(/^[3-9]\.\d s$/);
  expect(await firstLine(guest, "websocket")).toMatch(/^\{"beat":.*\}$/);
  expect(guest.complaints).toEqual([]);
});

test("a cut of the network is survived by every delivery, with nothing lost or repeated", async () => {
  await using square = await startSquare();
  await using guest = await newPerson(browser, square);
  await guest.visit("/deliveries");
  const chosen = guest.page.locator("#delivery-automatic h2 .tag");
  await eventually(() => chosen.textContent()).toBe("WebSocket");
  for (const name of DELIVERIES) await eventually(() => events(guest, name)).toBeGreaterThan(1);
  const outcome = guest.page.getByRole("status");
  const texts = await watchTexts(outcome);
  await guest.page.getByRole("button", { name: "Cut the network" }).click();
  await eventually(() => outcome.textContent()).toMatch(/^All are back.+: 0 lost, 0 repeated\.$/);
  expect((await texts())[0]).toContain("The network is cut");
  for (const name of DELIVERIES) {
    const tag = guest.page.locator(`#delivery-${name} .delivery-value .tag`);
    await eventually(() => tag.textContent()).toMatch(/^[1-9]\d* caught up in [\d.]+ m?s$/);
    expect(await figure(guest, name, "Lost")).toBe("0");
  }
  await guest.page.getByRole("button", { name: "Refuse WebSockets" }).click();
  await eventually(() => chosen.textContent()).toBe("Event source");
  await eventually(() => events(guest, "automatic")).toBeGreaterThan(1);
  expect(await guest.page.getByText(/ in [\d.]+ m?s/).count()).toBe(0);
});

test("the board arrives over every delivery when a note is written", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square);
  await using guest = await newPerson(browser, square);
  await ada.signIn("ada");
  await ada.visit("/board");
  await guest.visit("/deliveries");
  await guest.page.getByLabel("The board").check();
  for (const delivery of DELIVERIES) {
    await eventually(() => value(guest, delivery)).toBe("no notes");
  }
  await ada.page.getByLabel("A new note").fill("Five ways");
  await ada.page.getByRole("button", { name: "Pin it to the board" }).click();
  for (const delivery of DELIVERIES) {
    await eventually(() => value(guest, delivery)).toBe("1 note, newest: Five ways");
    expect(await figure(guest, delivery, "Delay")).toMatch(/^[\d.]+ m?s$/);
  }
});

test("pausing stops everything, and going on starts anew", async () => {
  await using square = await startSquare();
  await using guest = await newPerson(browser, square);
  await guest.visit("/deliveries");
  await eventually(() => events(guest, "websocket")).toBeGreaterThan(1);
  const requests: string[] = [];
  await guest.page.getByRole("button", { name: "Pause" }).click();
  await guest.page.getByRole("button", { name: "Go on" }).waitFor();
  const paused = await events(guest, "websocket");
  guest.page.on("request", (request) => requests.push(request.url()));
  // The server's clock goes on, as can be seen from outside the page.
  const clock = await fetch(`${square.url}/clock`, { headers: { accept: "application/x-ndjson" } });
  let lines = 0;
  for await (const _ of clock.body ?? []) if ((lines += 1) === 3) break;
  expect(await events(guest, "websocket")).toBe(paused);
  expect(requests).toEqual([]);
  await guest.page.getByRole("button", { name: "Go on" }).click();
  await eventually(() => events(guest, "websocket")).toBeGreaterThan(1);
});
