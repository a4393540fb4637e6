import type { Browser, Locator } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { launchBrowser, newPerson, type Person } from "./browser.ts";
import { eventually } from "./eventually.ts";
import { startSquare } from "./start-square.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

async function start({ page }: Person, title: string): Promise<void> {
  await page.getByRole("button", { name: `Start: ${title}` }).click();
}

function newestJob({ page }: Person): Locator {
  return page.locator(".job").first();
}

function word(person: Person): Promise<string | null> {
  return newestJob(person).locator(".tag").textContent();
}

async function progress(person: Person): Promise<number> {
  return Number(await newestJob(person).getByRole("progressbar").getAttribute("value"));
}

test("a job's progress is seen by both, cancelled by one, and the same after a reload", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square);
  await using guest = await newPerson(browser, square);
  await ada.signIn("ada");
  await ada.visit("/jobs");
  await guest.visit("/jobs");
  await guest.page.getByText("No jobs yet").waitFor();

  await start(ada, "Print the weekly paper");
  for (const person of [ada, guest]) {
    await eventually(() => progress(person)).toBeGreaterThan(0);
    await newestJob(person).getByText("collect the notes of the board").first().waitFor();
  }
  expect(await word(guest)).toBe("running");
  expect(await guest.page.getByRole("button", { name: "Cancel" }).count()).toBe(0);

  await ada.page.reload();
  expect(await word(ada)).toBe("running");
  expect(await progress(ada)).toBeGreaterThan(0);
  await ada.page.getByRole("button", { name: "Cancel" }).click();
  for (const person of [ada, guest]) {
    await eventually(() => word(person)).toBe("cancelled");
  }
  await guest.page.reload();
  expect(await word(guest)).toBe("cancelled");
  expect([...ada.complaints, ...guest.complaints]).toEqual([]);
});

test("a job that fails twice is tried again, and arrives", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square);
  await ada.signIn("ada");
  await ada.visit("/jobs");
  await start(ada, "Deliver a letter");
  await newestJob(ada).getByText("nobody at home").waitFor();
  await eventually(() => word(ada), 30_000).toBe("done");
  await newestJob(ada).getByText("Delivered at attempt 3").waitFor();
  await ada.page.reload();
  expect(await newestJob(ada).locator(".job-result").textContent()).toBe("Delivered at attempt 3");
});

test("a heavy job leaves the rest of the square free", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square);
  await ada.signIn("ada");
  await ada.visit("/jobs");
  await start(ada, "Count primes");
  await eventually(() => progress(ada)).toBeGreaterThan(0);
  await start(ada, "Deliver a letter");
  // Seen at the same moment, as the page shows it.
  const primesMeanwhile = await ada.page.waitForFunction(() => {
    const [letter, primes] = document.querySelectorAll(".job");
    const isTried = letter?.textContent.includes("nobody at home");
    return isTried && primes?.querySelector(".tag")?.textContent;
  });
  expect(await primesMeanwhile.jsonValue()).toBe("running");
  await ada.page
    .locator(".job")
    .nth(1)
    .getByText("There are 1,270,607 primes below 20,000,000")
    .waitFor({ timeout: 90_000 });
}, 120_000);

test("a job whose worker is killed runs again, and is done", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square);
  await ada.signIn("ada");
  await ada.visit("/jobs");
  await start(ada, "Count primes");
  await eventually(() => progress(ada)).toBeGreaterThan(0);
  const worker = await newestJob(ada).locator(".job-log code").textContent();
  square.kill("worker");
  await ada.page.waitForFunction(
    () => {
      const job = document.querySelector(".job");
      const isAgain = job?.querySelector(".tag")?.textContent === "running again";
      return isAgain && job?.textContent.includes("Its worker died");
    },
    null,
    { timeout: 60_000 },
  );
  expect(await newestJob(ada).locator(".job-log code").textContent()).not.toBe(worker);
  await eventually(() => word(ada), 90_000).toBe("done");
}, 180_000);

test("jobs are started and cancelled without JavaScript too", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square, { javaScriptEnabled: false });
  await ada.signIn("ada");
  await ada.visit("/jobs");
  await start(ada, "Print the weekly paper");
  await eventually(() => ada.page.locator(".job").count()).toBe(1);
  const answered = ada.page.waitForResponse((response) => response.request().method() === "POST");
  await Promise.all([answered, ada.page.getByRole("button", { name: "Cancel" }).click()]);
  await expect
    .poll(async () => {
      await ada.page.goto("/jobs");
      return await word(ada);
    })
    .toBe("cancelled");
});
