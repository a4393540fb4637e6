import axe from "axe-core";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { launchBrowser, newPerson, type Person } from "./browser.ts";
import { eventually } from "./eventually.ts";
import { startSquare, type Square } from "./start-square.ts";

const PAGES = ["/", "/sign-in", "/chat", "/board", "/deliveries", "/jobs", "/nowhere"];

let browser: Browser;
/** For the tests that do not care what the others have left there. */
let square: Square;
beforeAll(async () => {
  [browser, square] = await Promise.all([launchBrowser(), startSquare()]);
});
afterAll(async () => {
  await browser.close();
  await square[Symbol.asyncDispose]();
});

/** What axe finds wrong with the page in light and in dark colours, as "rule: element". */
async function violations({ page }: Person): Promise<readonly string[]> {
  await page.evaluate(axe.source);
  const found: string[] = [];
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    const results = await page.evaluate<axe.AxeResults>("axe.run()");
    for (const { id, nodes } of results.violations) {
      for (const { html, failureSummary = "" } of nodes) {
        found.push(`${page.url()} ${colorScheme} ${id}: ${html} ${failureSummary}`);
      }
    }
  }
  return found;
}

test("axe finds no violation on any page, in light and in dark colours", async () => {
  await using guest = await newPerson(browser, square, { reducedMotion: "reduce" });
  await using ada = await newPerson(browser, square, { reducedMotion: "reduce" });
  await ada.signIn("ada");
  await ada.visit("/board");
  await ada.page.getByLabel("A new note").fill("For everybody");
  await ada.page.getByRole("button", { name: "Pin it to the board" }).click();
  await ada.page.getByText("For everybody", { exact: true }).first().waitFor();
  await ada.visit("/jobs");
  await ada.page.getByRole("button", { name: "Start: Deliver a letter" }).click();
  await ada.page.locator(".job").first().waitFor();
  await ada.visit("/chat");
  await ada.page.getByText("Connected").first().waitFor();
  await ada.page.getByRole("textbox", { name: /^Message to/ }).fill("Hello");
  await ada.page.getByRole("button", { name: "Send" }).click();
  await ada.page.locator(".said").first().waitFor();
  const found: string[] = [...(await violations(ada))];
  for (const path of PAGES) {
    for (const person of [guest, ada]) {
      await person.visit(path);
      found.push(...(await violations(person)));
    }
  }
  expect(found).toEqual([]);
}, 120_000);

test("the whole square can be used with the keyboard", async () => {
  await using quiet = await startSquare();
  await using ada = await newPerson(browser, quiet);
  await ada.signIn("ada");
  await ada.visit("/");
  await ada.page.keyboard.press("Tab");
  expect(await ada.page.evaluate(() => document.activeElement?.textContent?.trim())).toBe(
    "Skip to the content",
  );
  await ada.page.keyboard.press("Enter");
  await ada.page.waitForURL("**/#content");
  await ada.page.keyboard.press("Tab");
  await ada.page.keyboard.press("Enter");
  await ada.page.waitForURL("**/chat");
  // A room that is not open yet takes no text, and no focus.
  await ada.page.getByRole("button", { name: "Leave Lobby" }).waitFor();
  await ada.page.getByRole("textbox", { name: /^Message to/ }).focus();
  await ada.page.keyboard.type("By keyboard");
  await ada.page.keyboard.press("Enter");
  const said = ada.page.locator(".said-text");
  await eventually(() => said.allTextContents()).toEqual(["By keyboard"]);
});

test("nothing is wider than a phone of 360 pixels", async () => {
  await using ada = await newPerson(browser, square, { viewport: { width: 360, height: 740 } });
  await ada.signIn("ada");
  for (const path of PAGES) {
    await ada.visit(path);
    const width = await ada.page.evaluate(() => document.documentElement.scrollWidth);
    expect({ path, width }).toEqual({ path, width: 360 });
  }
});

for (const width of [320, 375]) {
  test(`the header of a phone of ${width} pixels has two rows`, async () => {
    await using alan = await newPerson(browser, square, { viewport: { width, height: 740 } });
    await alan.signIn("alan");
    const tops: number[] = [];
    for (const part of [".brand", ".who", ".nav"]) {
      const box = await alan.page.locator(part).boundingBox();
      tops.push(Math.round((box?.y ?? 0) + (box?.height ?? 0) / 2));
    }
    const [brand, who, places] = tops;
    expect(who).toBe(brand);
    expect(places).toBeGreaterThan(brand ?? Infinity);
    const name = alan.page.locator(".who-text");
    expect(await name.evaluate((element) => element.scrollWidth - element.clientWidth)).toBe(0);
  });
}
