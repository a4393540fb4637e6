import {
  chromium,
  type Browser,
  type BrowserContextOptions,
  type LaunchOptions,
  type Page,
} from "playwright-core";

import type { Square } from "./start-square.ts";

/** Debian's Chromium, without what it would do on its own behalf. */
export function launchBrowser(options: LaunchOptions = {}): Promise<Browser> {
  return chromium.launch({
    timeout: 60_000,
    ...options,
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** Somebody with a browser of their own: no cookie, cache or connection is shared with others. */
export interface Person extends AsyncDisposable {
  readonly page: Page;
  /** What the browser has complained about: errors of scripts, and of the content policy. */
  readonly complaints: readonly string[];
  /** Goes to a path of the square. */
  visit(path: string): Promise<void>;
  signIn(name: string): Promise<void>;
}

/** Opens a browser context on a square. */
export async function newPerson(
  browser: Browser,
  square: Square,
  options: BrowserContextOptions = {},
): Promise<Person> {
  const context = await browser.newContext({ baseURL: square.url, ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  return {
    page,
    complaints,
    async visit(path) {
      await page.goto(path);
    },
    async signIn(name) {
      await page.goto("/sign-in");
      await page.getByRole("button", { name: `Sign in as ${name}` }).click();
      await page.getByRole("button", { name: "Sign out" }).waitFor();
    },
    [Symbol.asyncDispose]: () => context.close(),
  };
}
