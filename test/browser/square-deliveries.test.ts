import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { launchBrowser, newPerson, type Person } from "./browser.ts";
import { eventually } from "./eventually.ts";
import { startSquare } from "./start-square.ts";

const DELIVERIES = ["poll", "long-poll", "ndjson", "sse", "websocket"];

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

test("the clock moves over all five deliveries, each in its own way", async () => {
  await using square = await startSquare();
  await using guest = await newPerson(browser, square);
  await guest.visit("/deliveries");
  for (const delivery of DELIVERIES) {
    await eventually(() => events(guest, delivery)).toBeGreaterThan(6);
    expect(await value(guest, delivery)).toMatch(/^\d\d:\d\d:\d\d$/);
    const shape = guest.page.locator(`#delivery-${delivery} .timeline-events`);
    expect(await shape.getAttribute("d")).toMatch(/^M/);
  }
  for (const stream of ["ndjson", "sse", "websocket"]) {
    expect(await figure(guest, stream, "Requests")).toBe("1");
  }
  const longPolls = Number(await figure(guest, "long-poll", "Requests"));
  expect(longPolls).toBeGreaterThan(Number(await figure(guest, "poll", "Requests")));
  expect(guest.complaints).toEqual([]);
});

test("the board arrives over all five deliveries when a note is written", async () => {
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
  const paused = await events(guest, "websocket");
  guest.page.on("request", (request) => requests.push(request.url()));
  // The server's clock goes on: two seconds of it, seen from outside the page.
  const clock = await fetch(`${square.url}/clock`, { headers: { accept: "application/x-ndjson" } });
  let lines = 0;
  for await (const _ of clock.body ?? []) if ((lines += 1) === 3) break;
  expect(await events(guest, "websocket")).toBe(paused);
  expect(requests).toEqual([]);
  await guest.page.getByRole("button", { name: "Go on" }).click();
  await eventually(() => events(guest, "websocket")).toBeGreaterThan(1);
});
