import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { MessageRate, type Allowance, type Verdict } from "./message-rate.ts";

class Client {
  resumed = 0;

  resumeReading(): void {
    this.resumed += 1;
  }
}

function countAll(rate: MessageRate, client: Client, allowance: Allowance): (n: number) => Verdict {
  return (n) => {
    let verdict: Verdict = "go-on";
    for (let i = 0; i < n; i++) verdict = rate.count(client, allowance);
    return verdict;
  };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("MessageRate", () => {
  test("lets a burst pass, then pauses, and resumes when the debt is paid", () => {
    const rate = new MessageRate(10, 5);
    const client = new Client();
    const send = countAll(rate, client, rate.start());
    expect(send(5)).toBe("go-on");
    expect(send(3)).toBe("pause");
    vi.advanceTimersByTime(300);
    expect(client.resumed).toBe(0);
    vi.advanceTimersByTime(150);
    expect(client.resumed).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
    expect(send(1)).toBe("go-on");
    expect(send(1)).toBe("pause");
  });

  test("saves up no more than a burst", () => {
    const rate = new MessageRate(10, 5);
    const send = countAll(rate, new Client(), rate.start());
    vi.advanceTimersByTime(60_000);
    expect(send(5)).toBe("go-on");
    expect(send(1)).toBe("pause");
  });

  test("ends with who is ten seconds ahead", () => {
    const rate = new MessageRate(10, 5);
    const send = countAll(rate, new Client(), rate.start());
    expect(send(105)).toBe("pause");
    expect(send(1)).toBe("close");
  });

  test("has one timer for all, and none when those that wait are gone", () => {
    const rate = new MessageRate(10, 1);
    const clients = [new Client(), new Client()];
    for (const client of clients) countAll(rate, client, rate.start())(2);
    expect(vi.getTimerCount()).toBe(1);
    for (const client of clients) rate.forget(client);
    expect(vi.getTimerCount()).toBe(0);
  });

  test("never stops anybody without a limit", () => {
    const rate = new MessageRate(Infinity, Infinity);
    expect(countAll(rate, new Client(), rate.start())(100_000)).toBe("go-on");
  });
});
