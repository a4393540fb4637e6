import { once } from "node:events";
import { request, type IncomingMessage } from "node:http";

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
  await page.getByText(text, { exact: true }).first().waitFor();
}

/** Opens the form of the only note. */
async function edit({ page }: Person): Promise<void> {
  await page.getByRole("link", { name: /^Edit/ }).click();
  await page.getByLabel("Your note").waitFor();
}

async function save({ page }: Person, text?: string): Promise<void> {
  if (text !== undefined) await page.getByLabel("Your note").fill(text);
  await page.getByRole("button", { name: "Save" }).click();
}

function notes({ page }: Person): Promise<string[]> {
  return page.locator(".note-text").allTextContents();
}

for (const javaScriptEnabled of [true, false]) {
  const way = javaScriptEnabled ? "with JavaScript" : "without JavaScript";

  test(`of two who edit a note at once, the second is told before a text is lost, ${way}`, async () => {
    await using square = await startSquare();
    await using ada = await newPerson(browser, square, { javaScriptEnabled });
    await using alan = await newPerson(browser, square, { javaScriptEnabled });
    await ada.signIn("ada");
    await alan.signIn("alan");
    await ada.visit("/board");
    await pin(ada, "Chess at five");
    await alan.visit("/board");
    await edit(ada);
    await edit(alan);
    await save(ada, "Chess at six");
    await eventually(() => notes(ada)).toEqual(["Chess at six"]);

    await save(alan, "Chess at seven");
    const alert = alan.page.getByRole("alert");
    await eventually(() => alert.textContent()).toContain("Your text is not saved");
    expect(await alan.page.getByLabel("Your note").inputValue()).toBe("Chess at seven");
    expect(await alan.page.getByRole("blockquote").textContent()).toBe("Chess at six");
    await ada.visit("/board");
    expect(await notes(ada)).toEqual(["Chess at six"]);

    await save(alan, "   ");
    await eventually(() => alert.textContent()).toBe("Write something first.");
    await save(alan, "Chess at six or seven");
    await eventually(() => notes(alan)).toEqual(["Chess at six or seven"]);
  });
}

test("who saves a note that was deleted meanwhile is told so", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square, { javaScriptEnabled: false });
  await using alan = await newPerson(browser, square);
  await ada.signIn("ada");
  await alan.signIn("alan");
  await ada.visit("/board");
  await pin(ada, "Chess at five");
  await edit(ada);
  await alan.visit("/board");
  await alan.page.getByRole("button", { name: /^Delete/ }).click();
  await alan.page.getByText("The board is empty").waitFor();

  const answer = ada.page.waitForResponse((response) => response.request().method() === "POST");
  await save(ada, "Chess at six");
  expect((await answer).status()).toBe(404);
  await ada.page.getByText("This note is gone").waitFor();
  await ada.visit("/board");
  await ada.page.getByText("The board is empty").waitFor();
});

test("a note changes only for who names the version that was read", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square);
  await ada.signIn("ada");
  await ada.visit("/board");
  await pin(ada, "Chess at five");
  const statuses: number[] = [];
  for (const savedAt of [undefined, "", "yesterday", "1"]) {
    const response = await ada.page.request.post("/board/1", {
      form: { text: "Planted", ...(savedAt === undefined ? {} : { savedAt }) },
      headers: { origin: square.url, accept: "application/json" },
    });
    statuses.push(response.status());
  }
  expect(statuses).toEqual([409, 409, 409, 409]);
  expect(await notes(ada)).toEqual(["Chess at five"]);
});

test("a change is not reported for a note that is deleted while the form arrives", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square);
  await ada.signIn("ada");
  await ada.visit("/board");
  await pin(ada, "Chess at five");
  await edit(ada);
  const savedAt = await ada.page.locator("input[name=savedAt]").inputValue();
  const cookies = await ada.page.context().cookies();
  const outgoing = request(new URL("/board/1", square.url), {
    method: "POST",
    headers: {
      origin: square.url,
      cookie: cookies.map(({ name, value }) => `${name}=${value}`).join("; "),
      accept: "application/json",
      "content-type": "application/x-www-form-urlencoded",
      expect: "100-continue",
    },
  });
  outgoing.flushHeaders();
  // The server has found the note by now, and waits for its text.
  await once(outgoing, "continue");
  const deleted = await ada.page.request.post("/board/1/delete", {
    headers: { origin: square.url, accept: "application/json" },
  });
  expect(deleted.status()).toBe(200);

  const answer = new Promise<IncomingMessage>((resolve) => outgoing.once("response", resolve));
  outgoing.end(`savedAt=${savedAt}&text=Chess`);
  const response = await answer;
  response.resume();
  expect(response.statusCode).toBe(404);
});
