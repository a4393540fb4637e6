/**
 * Takes the picture of the square in the README: `node test/browser/screenshot.ts [docs/square.png]`.
 *
 * Starts a square of its own, lets three people use it, and puts what they see into one picture.
 */
import { writeFile } from "node:fs/promises";

import type { Browser, Page } from "playwright-core";

import { launchBrowser, newPerson, type Person } from "./browser.ts";
import { startSquare, type Square } from "./start-square.ts";

const [path = "docs/square.png"] = process.argv.slice(2);

const NOTES: readonly (readonly [string, string])[] = [
  ["grace", "Market stalls open at eight.\nCheese first, then everything else."],
  ["alan", "The fountain is being cleaned on Thursday. Bring no ducks."],
  ["ada", "Chess under the lime tree at five. Who is in?"],
];

const TALK: readonly (readonly [string, string])[] = [
  ["grace", "Good morning! Did the paper come out?"],
  ["ada", "It is printing right now, see the jobs. Five steps of eight."],
  ["grace", "I killed the worker while it ran yesterday, and it still arrived."],
  ["alan", "That is what it is for. I am in the office, back in ten minutes."],
];

await using square = await startSquare();
await using browser = await launchBrowser();
await using ada = await newPerson(browser, square, { viewport: { width: 980, height: 760 } });
await using grace = await newPerson(browser, square, { viewport: { width: 760, height: 560 } });
await using alan = await newPerson(browser, square);
const people = new Map([
  ["ada", ada],
  ["grace", grace],
  ["alan", alan],
]);
for (const [name, person] of people) await person.signIn(name);
await writeNotes();
await talk();
await writeFile(path, await picture(browser, square));

async function writeNotes(): Promise<void> {
  for (const [name, text] of NOTES) {
    const { page } = personOf(name);
    await page.goto("/board");
    await page.getByLabel("A new note").fill(text);
    await page.getByRole("button", { name: "Pin it to the board" }).click();
    await page.getByText(text.slice(0, 20)).first().waitFor();
  }
}

async function talk(): Promise<void> {
  for (const { page } of people.values()) {
    await page.goto("/chat");
    await page.getByText("Connected").first().waitFor();
  }
  await ada.page.getByRole("button", { name: "Help", exact: true }).click();
  await ada.page.getByRole("button", { name: "Leave Help" }).waitFor();
  await ada.page.getByRole("button", { name: "Lobby", exact: true }).click();
  for (const [name, text] of TALK) {
    const { page } = personOf(name);
    await page.getByRole("textbox", { name: /^Message to/ }).fill(text);
    await page.getByRole("button", { name: "Send" }).click();
    await ada.page.getByText(text).waitFor();
  }
}

async function picture(chromium: Browser, running: Square): Promise<Buffer> {
  await using dark = await newPerson(chromium, running, {
    viewport: { width: 980, height: 880 },
    colorScheme: "dark",
  });
  await dark.visit("/deliveries");
  await dark.page.locator('#delivery-websocket[data-events="20"]').waitFor();

  const { page: jobs } = alan;
  await jobs.setViewportSize({ width: 760, height: 560 });
  await jobs.goto("/jobs");
  await startJob(jobs, "Deliver a letter");
  await startJob(jobs, "Print the weekly paper");
  await jobs.locator(".job").first().getByText("choose a headline").first().waitFor();
  await startJob(jobs, "Count primes");
  await jobs.locator(".job").nth(1).getByText("set the type").first().waitFor();

  const html = collage({
    chat: await windowOf(ada.page, ".bar"),
    jobs: await windowOf(jobs, "#list-title"),
    deliveries: await windowOf(dark.page, ".controls"),
  });
  const page = await chromium.newPage({ viewport: { width: 1280, height: 860 } });
  await page.setContent(html);
  return page.screenshot();
}

async function startJob(page: Page, title: string): Promise<void> {
  await page.getByRole("button", { name: `Start: ${title}` }).click();
  await page.locator(".job", { hasText: title }).waitFor();
}

/** What a page shows from an element on, as the URL of an image. */
async function windowOf(page: Page, from: string): Promise<string> {
  await page.locator(from).evaluate((element) => {
    window.scrollTo(0, element.getBoundingClientRect().top + window.scrollY - 20);
  });
  return `data:image/png;base64,${(await page.screenshot()).toString("base64")}`;
}

function collage({
  chat,
  jobs,
  deliveries,
}: Readonly<Record<"chat" | "jobs" | "deliveries", string>>): string {
  return `<!doctype html><style>
    body { margin: 0; height: 860px; position: relative; overflow: hidden; background: #dcece6; }
    img { position: absolute; border-radius: 12px; box-shadow: 0 2px 6px #0003, 0 18px 50px #0003; }
    .deliveries { width: 800px; right: 36px; top: 36px; }
    .chat { width: 700px; left: 36px; top: 190px; }
    .jobs { width: 580px; right: 70px; bottom: 36px; }
  </style><img class="deliveries" src="${deliveries}"><img class="chat" src="${chat}"><img class="jobs" src="${jobs}">`;
}

function personOf(name: string): Person {
  const person = people.get(name);
  if (!person) throw new Error(`nobody is called ${name}`);
  return person;
}
