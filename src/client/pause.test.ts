import { describe, expect, test, vi } from "vitest";

import { pause } from "./pause.ts";

/** Puts a browser's page in place, as far as the client looks at it. */
function stubPage() {
  const page = new EventTarget();
  const document = { visibilityState: "visible" };
  vi.stubGlobal("location", { href: "https://example.com/" });
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("removeEventListener", page.removeEventListener.bind(page));
  vi.stubGlobal("document", document);
  return { page, document };
}

const never = new AbortController().signal;
const LONG_MS = 60_000;

describe("pause", () => {
  test("waits for its time", async () => {
    const begun = performance.now();
    await pause(30, never);
    expect(performance.now() - begun).toBeGreaterThan(25);
  });

  test("ends when the signal fires, or has fired before", async () => {
    const abort = new AbortController();
    const pausing = pause(LONG_MS, abort.signal);
    abort.abort();
    await expect(pausing).resolves.toBeUndefined();
    await expect(pause(LONG_MS, abort.signal)).resolves.toBeUndefined();
  });

  test("ends when the network comes back", async () => {
    const { page } = stubPage();
    const pausing = pause(LONG_MS, never);
    page.dispatchEvent(new Event("online"));
    await expect(pausing).resolves.toBeUndefined();
  });

  test("ends when the tab comes back, not when it goes", async () => {
    const { page, document } = stubPage();
    let isOver = false;
    const pausing = pause(LONG_MS, never).then(() => (isOver = true));
    document.visibilityState = "hidden";
    page.dispatchEvent(new Event("visibilitychange"));
    await Promise.resolve();
    expect(isOver).toBe(false);
    document.visibilityState = "visible";
    page.dispatchEvent(new Event("visibilitychange"));
    await expect(pausing).resolves.toBe(true);
  });

  test("works in a worker, which has no document", async () => {
    const { page } = stubPage();
    vi.stubGlobal("document", undefined);
    const pausing = pause(LONG_MS, never);
    page.dispatchEvent(new Event("online"));
    await expect(pausing).resolves.toBeUndefined();
  });
});
