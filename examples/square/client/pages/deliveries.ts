import { follow } from "tidings/client";

import type { Board, topics } from "../../board.ts";
import type { clock } from "../../clock.ts";
import {
  DeliveriesView,
  emptyDeliveries,
  type DeliveryFigures,
} from "../../views/deliveries-view.tsx";
import { DELIVERIES, FEEDS, type Delivery, type FeedName } from "../../views/delivery-texts.ts";
import { Lag } from "../lag.ts";
import { byId, mount } from "../mount.tsx";
import { Timeline } from "../timeline.ts";
import { whileVisible } from "../while-visible.ts";

const view = mount(DeliveriesView);
let running: AbortController | undefined;
let isVisible = false;

/** Starts to follow the chosen feed five times, from the beginning. */
function start(feed: FeedName): void {
  running?.abort();
  const { isPaused, origin } = view.state;
  view.set({ ...emptyDeliveries(feed, origin), isPaused });
  if (isPaused || !isVisible) return;
  running = new AbortController();
  const { signal } = running;
  const lag = new Lag();
  const timelines = new Map(DELIVERIES.map((name) => [name, new Timeline(svgOf(name))]));
  for (const [name, timeline] of timelines) void followOne({ name, feed, lag, timeline, signal });
  draw(timelines, lag, signal);
}

interface Following {
  readonly name: Delivery;
  readonly feed: FeedName;
  readonly lag: Lag;
  readonly timeline: Timeline;
  readonly signal: AbortSignal;
}

async function followOne({ name, feed, lag, timeline, signal }: Following): Promise<void> {
  let requests = 0;
  const change = (figures: Partial<DeliveryFigures>): void => {
    if (!signal.aborted) changeFigures(name, figures);
  };
  const events = follow<typeof clock | typeof topics>(FEEDS[feed].path, {
    transport: name,
    signal,
    onTraffic(traffic) {
      for (; requests < traffic.requests; requests += 1) timeline.addRequest(Date.now());
      change({ requests: traffic.requests, bytes: traffic.bytesReceived });
    },
    onStatus({ status }) {
      change({ problem: status === "waiting" ? "coming back" : null });
    },
  });
  try {
    for await (const { data } of events) {
      const now = Date.now();
      const happenedAt = typeof data === "number" ? data : data.loadedAt;
      timeline.addEvent(now);
      lag.see(name, happenedAt);
      const count = view.state.figures[name].events + 1;
      // What was there before we came is no measure of how quickly news arrives.
      const delayMs = count === 1 ? null : Math.max(0, now - happenedAt);
      change({ value: describe(data), delayMs, events: count });
    }
  } catch (error) {
    change({ problem: error instanceof Error ? error.message : "failed" });
  }
}

function changeFigures(name: Delivery, figures: Partial<DeliveryFigures>): void {
  const before = view.state.figures;
  view.set({ figures: { ...before, [name]: { ...before[name], ...figures } } });
}

function describe(data: number | Board): string {
  if (typeof data === "number") return new Date(data).toLocaleTimeString("en-GB");
  const [newest] = data.topics;
  const count = data.topics.length === 1 ? "1 note" : `${data.topics.length} notes`;
  return newest ? `${count}, newest: ${newest.text}` : "no notes";
}

/** Draws ten times a second, or once where people want less motion. */
function draw(timelines: ReadonlyMap<Delivery, Timeline>, lag: Lag, signal: AbortSignal): void {
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const timer = setInterval(
    () => {
      const now = Date.now();
      for (const [name, timeline] of timelines) {
        timeline.addBehind(now, lag.behindMs(name, now));
        timeline.draw(now);
      }
    },
    isCalm ? 1_000 : 100,
  );
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

function svgOf(name: Delivery): SVGSVGElement {
  const svg = byId("live").querySelector(`[data-timeline="${name}"]`);
  if (!(svg instanceof SVGSVGElement)) throw new Error(`the page has no time line for ${name}`);
  return svg;
}

byId("live").addEventListener("change", ({ target }) => {
  if (!(target instanceof HTMLInputElement)) return;
  start(target.value === "board" ? "board" : "clock");
});

byId("live").addEventListener("click", ({ target }) => {
  const button = target instanceof Element ? target.closest("button") : null;
  if (button?.id === "pause") {
    view.set({ isPaused: !view.state.isPaused });
    if (view.state.isPaused) running?.abort();
    else start(view.state.feed);
  }
  const { copy } = button?.dataset ?? {};
  if (button && copy !== undefined) void copyText(button, copy);
});

async function copyText(button: HTMLButtonElement, text: string): Promise<void> {
  await navigator.clipboard.writeText(text);
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 1_500);
}

whileVisible((signal) => {
  isVisible = true;
  start(view.state.feed);
  signal.addEventListener(
    "abort",
    () => {
      isVisible = false;
      running?.abort();
    },
    { once: true },
  );
});
