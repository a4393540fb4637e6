import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { launchBrowser, newPerson, type Person } from "./browser.ts";
import { eventually } from "./eventually.ts";
import { startSquare } from "./start-square.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

async function pin({ page }: Person, text: string): Promise<void> {
  await page.getByLabel("A new note").fill(text);
  await page.getByRole("button", { name: "Pin it to the board" }).click();
}

function notes({ page }: Person): Promise<string[]> {
  return page.locator(".note-text").allTextContents();
}

async function queries({ page }: Person): Promise<number> {
  return Number(await page.locator("#served .number").textContent());
}

test("what one writes, edits and deletes, the other sees without doing anything", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square);
  await using guest = await newPerson(browser, square);
  await ada.signIn("ada");
  await ada.visit("/board");
  await guest.visit("/board");
  await guest.page.getByText("The board is empty").waitFor();

  await pin(ada, "Chess at five");
  for (const person of [ada, guest])
    await eventually(() => notes(person)).toEqual(["Chess at five"]);
  await eventually(() => ada.page.getByLabel("A new note").inputValue()).toBe("");
  expect(await guest.page.getByRole("button", { name: /Delete/ }).count()).toBe(0);

  await ada.page.getByRole("link", { name: /^Edit/ }).click();
  await ada.page.getByLabel("Your note").fill("Chess at six");
  await ada.page.getByRole("button", { name: "Save" }).click();
  for (const person of [ada, guest])
    await eventually(() => notes(person)).toEqual(["Chess at six"]);

  await ada.page.getByRole("button", { name: /^Delete/ }).click();
  await guest.page.getByText("The board is empty").waitFor();
  expect([...ada.complaints, ...guest.complaints]).toEqual([]);
});

test("many open tabs cost one database query for each change, and none without one", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square);
  await ada.signIn("ada");
  await ada.visit("/board");
  const tabs = [];
  for (let index = 0; index < 4; index += 1) {
    const tab = await ada.page.context().newPage();
    await tab.goto("/board");
    tabs.push(tab);
  }
  await pin(ada, "One");
  for (const tab of [ada.page, ...tabs]) await tab.getByText("One", { exact: true }).waitFor();
  const before = await queries(ada);

  await pin(ada, "Two");
  for (const tab of tabs) await tab.getByText("Two", { exact: true }).waitFor();
  await eventually(() => queries(ada)).toBe(before + 1);
  await ada.visit("/board");
  expect(await ada.page.locator("#served").textContent()).toContain("Served from the cache");
  expect(await queries(ada)).toBe(before + 1);
});

test("a note of somebody else cannot be changed, but staff may", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square);
  await using grace = await newPerson(browser, square);
  await using alan = await newPerson(browser, square);
  await ada.signIn("ada");
  await ada.visit("/board");
  await pin(ada, "Mine");
  await grace.signIn("grace");
  await grace.visit("/board");
  await eventually(() => notes(grace)).toEqual(["Mine"]);
  expect(await grace.page.getByRole("link", { name: /^Edit/ }).count()).toBe(0);
  const refused = await grace.page.request.post("/board/1/delete", {
    headers: { origin: square.url },
  });
  expect(refused.status()).toBe(403);

  await alan.signIn("alan");
  await alan.visit("/board");
  await alan.page.getByRole("button", { name: /^Delete/ }).click();
  await eventually(() => notes(ada)).toEqual([]);
});

test("works without JavaScript: write, a mistake, edit, delete", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square, { javaScriptEnabled: false });
  await ada.signIn("ada");
  await ada.visit("/board");
  await pin(ada, "By a plain form");
  await eventually(() => notes(ada)).toEqual(["By a plain form"]);

  await pin(ada, "   ");
  expect(await ada.page.getByRole("alert").textContent()).toBe("Write something first.");
  await ada.page.getByRole("link", { name: /^Edit/ }).click();
  await ada.page.getByLabel("Your note").fill("Changed by a plain form");
  await ada.page.getByRole("button", { name: "Save" }).click();
  await ada.page.waitForURL("**/board");
  await eventually(() => notes(ada)).toEqual(["Changed by a plain form"]);
  await ada.page.getByRole("button", { name: /^Delete/ }).click();
  await ada.page.getByText("The board is empty").waitFor();
});

test("what is being written is not lost when others change the board", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square);
  await using grace = await newPerson(browser, square);
  await ada.signIn("ada");
  await ada.visit("/board");
  await grace.signIn("grace");
  await grace.visit("/board");
  await pin(ada, "First");
  await ada.page.getByRole("link", { name: /^Edit/ }).click();
  const field = ada.page.getByLabel("Your note");
  await field.fill("First, half wr");

  await pin(grace, "Second");
  await ada.page.getByText("Second", { exact: true }).waitFor();
  expect(await field.inputValue()).toBe("First, half wr");
  expect(await field.evaluate((element) => element === document.activeElement)).toBe(true);
});

test("a form from another site is refused, and changes nothing", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square);
  await ada.signIn("ada");
  const refused = await ada.page.request.post("/board", {
    form: { text: "Planted" },
    headers: { origin: "http://elsewhere.invalid", accept: "text/html" },
  });
  expect(refused.status()).toBe(403);
  expect(await refused.text()).toContain("This form came from elsewhere");
  await ada.visit("/board");
  expect(await notes(ada)).toEqual([]);
});
