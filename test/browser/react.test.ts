import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { rolldown } from "rolldown";
import { feedConnection, taskFeed } from "tidings";
import { useConnection, useFeed, useTask } from "tidings/react";
import { expect, test } from "vitest";

import { serve } from "../integration/serve.ts";
import { launchBrowser } from "./browser.ts";
import { createParts, type List } from "./react-parts.ts";

async function bundlePage(): Promise<string> {
  const build = await rolldown({
    input: `${import.meta.dirname}/react-page.ts`,
    resolve: { conditionNames: ["tidings-source", "browser", "import"] },
    transform: { define: { "process.env.NODE_ENV": '"development"' } },
  });
  const { output } = await build.generate({ format: "esm", codeSplitting: false });
  return output[0].code;
}

test("hooks follow, connect and clean up in a page under strict mode", async () => {
  const script = await bundlePage();
  const { items, connections, list, chat } = createParts();
  const site = (request: Request): Response => {
    const isScript = new URL(request.url).pathname === "/page.js";
    const html = `<!doctype html><title>react</title><link rel="icon" href="data:,"><body><script type="module" src="/page.js"></script>`;
    return new Response(isScript ? script : html, {
      headers: { "content-type": isScript ? "text/javascript" : "text/html" },
    });
  };
  await using server = await serve((app) => ({
    routes: [list, chat, taskFeed(app), feedConnection()],
    http: site,
  }));
  await using browser = { instance: await launchBrowser(), [Symbol.asyncDispose]: () => close() };
  const close = (): Promise<void> => browser.instance.close();
  const page = await browser.instance.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(`${server.url}/`);
  const shows = (id: string, text: string): Promise<unknown> =>
    page.waitForFunction(
      ([name, expected]) => document.querySelector(`#${name}`)?.textContent === expected,
      [id, text] as const,
    );

  await shows("list", "open: first");
  await shows("count", "1 events");
  await shows("task", "PENDING");
  await shows("say", "open");
  await page.click("#say");
  await shows("said", "hello 1");
  await page.click("#say");
  await shows("said", "hello 1, hello 2");
  items.push("second");
  await server.app.layer.groupSend("list", { type: "list.changed" });
  await shows("list", "open: first, second");
  await shows("count", "2 events");
  // Mounted twice, connected once.
  expect(connections).toEqual({ opened: 1, closed: 0 });
  // The list, the chat, and one for the count and the task.
  await expect.poll(() => server.server.connectionCount).toBe(3);

  await page.click("#toggle");
  await expect.poll(() => connections.closed).toBe(1);
  await page.click("#toggle");
  await shows("list", "open: first, second");
  await shows("say", "open");
  expect(connections).toEqual({ opened: 2, closed: 1 });
  expect(complaints).toEqual([]);
});

test("a server renders what it was given, and follows nothing", () => {
  function Page() {
    const { value, status } = useFeed<List, readonly string[]>("/list", {
      initial: ["rendered"],
    });
    const { connection } = useConnection("/chat");
    const { value: task } = useTask("t1");
    return createElement(
      "p",
      null,
      `${value.join()} ${status} ${typeof connection} ${typeof task}`,
    );
  }
  expect(renderToString(createElement(Page))).toBe(
    "<p>rendered connecting undefined undefined</p>",
  );
});
