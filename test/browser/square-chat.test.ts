import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { launchBrowser, newPerson, type Person } from "./browser.ts";
import { eventually } from "./eventually.ts";
import { startSquare } from "./start-square.ts";
import { watchTexts } from "./watch-texts.ts";

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

async function say({ page }: Person, text: string): Promise<void> {
  await page.getByRole("textbox", { name: /^Message to/ }).fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}

function saidBy({ page }: Person): Promise<string[]> {
  return page.locator(".said-text").allTextContents();
}

function peopleHere({ page }: Person): Promise<string[]> {
  return page.getByRole("complementary").getByRole("listitem").allTextContents();
}

test("people talk, see who is here, and who comes and goes", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square);
  await using grace = await newPerson(browser, square);
  await ada.signIn("ada");
  await ada.visit("/chat");
  await ada.page.getByText("Connected").first().waitFor();
  await grace.signIn("grace");
  await grace.visit("/chat");

  await ada.page.getByText("grace arrived").waitFor();
  await eventually(() => peopleHere(ada)).toEqual(["aada (you)", "ggrace"]);
  await eventually(() => peopleHere(grace)).toEqual(["aada", "ggrace (you)"]);
  await say(ada, "Good morning!");
  await eventually(() => saidBy(grace)).toEqual(["Good morning!"]);
  await say(grace, "<b>Good</b> morning to you");
  for (const person of [ada, grace]) {
    await eventually(() => saidBy(person)).toEqual(["Good morning!", "<b>Good</b> morning to you"]);
  }

  await grace.visit("/board");
  await ada.page.getByText("grace left").waitFor();
  await eventually(() => peopleHere(ada)).toEqual(["aada (you)"]);
  expect([...ada.complaints, ...grace.complaints]).toEqual([]);
});

test("somebody with two tabs is one person", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square);
  await using grace = await newPerson(browser, square);
  await ada.signIn("ada");
  await ada.visit("/chat");
  await grace.signIn("grace");
  await grace.visit("/chat");
  await ada.page.getByText("grace arrived").waitFor();

  const second = await grace.page.context().newPage();
  await second.goto("/chat");
  await second.getByText("ada").first().waitFor();
  await eventually(() => peopleHere(ada)).toEqual(["aada (you)", "ggrace"]);
  await second.close();
  await say(grace, "Still here");
  await eventually(() => saidBy(ada)).toEqual(["Still here"]);
  expect(await ada.page.getByText("grace left").count()).toBe(0);
  await eventually(() => peopleHere(ada)).toEqual(["aada (you)", "ggrace"]);
});

test("several rooms are open over one connection, and those out of view count what is unread", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square);
  await using grace = await newPerson(browser, square);
  await ada.signIn("ada");
  const sockets: string[] = [];
  ada.page.on("websocket", (socket) => sockets.push(new URL(socket.url()).pathname));
  await ada.visit("/chat");
  await ada.page.getByRole("button", { name: "Help", exact: true }).click();
  await ada.page.getByRole("heading", { name: "Help" }).waitFor();
  await ada.page.getByRole("button", { name: "Leave Help" }).waitFor();

  await grace.signIn("grace");
  await grace.visit("/chat");
  await say(grace, "Anybody in the lobby?");
  await ada.page.getByRole("button", { name: "Lobby 1 unread" }).click();
  await eventually(() => saidBy(ada)).toEqual(["Anybody in the lobby?"]);
  await ada.page.getByRole("button", { name: "Lobby", exact: true }).waitFor();
  expect(sockets.filter((path) => path === "/ws/chat")).toHaveLength(1);
});

test("the staff room lets staff in, and tells others why not", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square);
  await using alan = await newPerson(browser, square);
  await ada.signIn("ada");
  await ada.visit("/chat");
  await ada.page.getByText("Connected").first().waitFor();
  await ada.page.getByRole("button", { name: /^Office/ }).click();
  await ada.page.getByRole("alert").getByText("you are not staff").waitFor();
  await ada.page.getByRole("button", { name: "Lobby", exact: true }).click();
  await say(ada, "Refused, but still connected");

  await alan.signIn("alan");
  await alan.visit("/chat");
  await eventually(() => saidBy(alan)).toEqual(["Refused, but still connected"]);
  await alan.page.getByRole("button", { name: /^Office/ }).click();
  await say(alan, "Only for us");
  await eventually(() => saidBy(alan)).toEqual(["Only for us"]);
  expect(await saidBy(ada)).toEqual(["Refused, but still connected"]);
});

test("a chat whose server is killed reconnects, and shows what was said before, meanwhile and after once", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square);
  await using grace = await newPerson(browser, square);
  await ada.signIn("ada");
  await ada.visit("/chat");
  await grace.signIn("grace");
  await grace.visit("/chat");
  await say(ada, "Before");
  await eventually(() => saidBy(grace)).toEqual(["Before"]);

  const statuses = await watchTexts(ada.page.locator(".talk-status"));
  let reconnects = 0;
  grace.page.on("websocket", () => (reconnects += 1));
  await ada.page.context().setOffline(true);
  square.kill("server");
  await say(ada, "Meanwhile");
  await ada.page.getByText("Meanwhile · waits for the connection").waitFor();
  await expect.poll(() => reconnects).toBeGreaterThan(0);
  await ada.page.context().setOffline(false);
  await ada.page.getByText("Connected", { exact: true }).first().waitFor();
  await eventually(() => saidBy(ada)).toEqual(["Before", "Meanwhile"]);
  expect(await ada.page.getByRole("alert").count()).toBe(0);
  await say(ada, "After");
  for (const person of [ada, grace]) {
    await eventually(() => saidBy(person)).toEqual(["Before", "Meanwhile", "After"]);
    await eventually(() => peopleHere(person).then((people) => people.length)).toBe(2);
  }

  await using late = await newPerson(browser, square);
  await late.signIn("alan");
  await late.visit("/chat");
  await eventually(() => saidBy(late)).toEqual(["Before", "Meanwhile", "After"]);
  expect((await statuses()).join()).toMatch(/Reconnecting.*Connecting.*Connected/);
});

test("without signing in the chat says so, with a way to do it", async () => {
  await using square = await startSquare();
  await using guest = await newPerson(browser, square);
  await guest.visit("/chat");
  await guest.page.getByRole("link", { name: "Sign in to chat" }).click();
  await guest.page.getByRole("textbox", { name: "Name" }).fill("grace");
  await guest.page.getByRole("textbox", { name: "Password" }).fill("wrong");
  await guest.page.getByRole("button", { name: "Sign in", exact: true }).click();
  await guest.page.getByRole("alert").getByText("No account has this name").waitFor();
  await guest.page.getByRole("textbox", { name: "Password" }).fill("square");
  await guest.page.getByRole("button", { name: "Sign in", exact: true }).click();
  await guest.page.waitForURL("**/chat");
  await guest.page.getByText("Connected").first().waitFor();
  await guest.page.getByText("grace (you)").first().waitFor();
  expect(await guest.page.getByText("grace (you)").count()).toBe(1);
});

test("signing out in one tab ends the chat in the others, for good", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square);
  await ada.signIn("ada");
  await ada.visit("/chat");
  await ada.page.getByText("Connected").first().waitFor();
  const second = await ada.page.context().newPage();
  await second.goto("/board");
  await second.getByRole("button", { name: "Sign out" }).click();
  await ada.page.getByText("Disconnected: you have signed out").first().waitFor();
  expect(await ada.page.getByRole("link", { name: "Sign in again" }).count()).toBe(1);
});

test("a plain WebSocket that says nonsense is told so, and stays connected", async () => {
  await using square = await startSquare();
  await using ada = await newPerson(browser, square);
  await ada.signIn("ada");
  const answers = await ada.page.evaluate(async () => {
    const socket = new WebSocket("/ws/chat");
    const said: { readonly type: string; readonly code?: string }[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    socket.addEventListener("message", ({ data }) => {
      said.push(JSON.parse(String(data)));
      if (said.length === 5) resolve();
    });
    socket.addEventListener("open", () => {
      socket.send("{ no json");
      socket.send(JSON.stringify({ type: "shout", room: "lobby" }));
      socket.send(JSON.stringify({ type: "say", room: "lobby", text: "x".repeat(2001) }));
      socket.send(JSON.stringify({ type: "join", room: "cellar" }));
      socket.send(JSON.stringify({ type: "say", room: "help", text: "Not joined" }));
    });
    await promise;
    return said.map(({ type, code }) => `${type} ${code}`);
  });
  expect(answers).toEqual([
    "error MESSAGE_NOT_JSON",
    "error MESSAGE_INVALID",
    "error MESSAGE_INVALID",
    "room.refused UNKNOWN_ROOM",
    "room.refused NOT_IN_ROOM",
  ]);
});
