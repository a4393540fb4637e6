import { follow } from "tidings/client";

import type { Board, topics } from "../../board.ts";
import type { Pulse, pulse } from "../../pulse.ts";
import {
  DeliveriesView,
  emptyDeliveries,
  type DeliveryFigures,
} from "../../views/deliveries-view.tsx";
import { DELIVERIES, FEEDS, type Delivery, type FeedName } from "../../views/delivery-texts.ts";
import { Lag } from "../lag.ts";
import { byId, mount } from "../mount.tsx";
import { takeOverNetwork } from "../network.ts";
import { Sequence } from "../sequence.ts";
import { Timeline, type Outage } from "../timeline.ts";
import { whileVisible } from "../while-visible.ts";

const CUT_MS = 5_000;
/** Events that come so soon after each other came together. */
const TOGETHER_MS = 50;

const view = mount(DeliveriesView);
const network = takeOverNetwork();
let outages: readonly Outage[] = [];
let running: AbortController | undefined;
let isVisible = false;

/** Starts to follow the chosen feed in every way, from the beginning. */
function start(feed: FeedName): void {
  running?.abort();
  // What began anew was never away; only a cut that still lasts is also its own.
  outages = outages.filter(({ to }) => to === undefined);
  view.set({ feed, figures: emptyDeliveries(feed, view.state.origin).figures });
  if (view.state.isPaused || !isVisible) return;
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
  let bytes = 0;
  let arrivedAt = 0;
  const sequence = new Sequence();
  const change = (figures: Partial<DeliveryFigures>): void => {
    if (!signal.aborted) changeFigures(name, figures);
  };
  const events = follow<typeof pulse | typeof topics>(FEEDS[feed].path, {
    transport: name === "automatic" ? undefined : name,
    signal,
    onTraffic(traffic) {
      const now = Date.now();
      for (; requests < traffic.requests; requests += 1) timeline.addRequest(now);
      timeline.addBytes(now, traffic.bytesReceived - bytes);
      bytes = traffic.bytesReceived;
      change({ requests, bytes });
    },
    onStatus({ status, transport }) {
      change({ problem: status === "waiting" ? "coming back" : null });
      if (name === "automatic") change({ chosen: transport });
      if (status === "open") change(comeBack(name));
    },
  });
  try {
    for await (const { data, reset } of events) {
      const now = Date.now();
      const happenedAt = "at" in data ? data.at : data.loadedAt;
      if (reset) sequence.reset();
      if ("at" in data && data.beat !== null) sequence.see(data.beat);
      const { events: known, delayMs: delayBefore } = view.state.figures[name];
      const count = known + 1;
      // What was there before we came is no measure of how quickly news arrives.
      const isNews = count > 1;
      timeline.addArrival(now, isNews ? happenedAt : now);
      lag.see(name, happenedAt);
      const isTogether = now - arrivedAt < TOGETHER_MS;
      const delayMs = isNews
        ? Math.max(now - happenedAt, isTogether ? (delayBefore ?? 0) : 0)
        : null;
      arrivedAt = now;
      change({ value: describe(data), delayMs, events: count, ...comeBack(name, happenedAt) });
      if ("at" in data) change({ lost: sequence.lost, repeated: sequence.repeated });
    }
  } catch (error) {
    change({ problem: error instanceof Error ? error.message : "failed" });
  }
}

/** Notes that a delivery works again after a cut, and brings what happened meanwhile. */
function comeBack(name: Delivery, happenedAt = Infinity): Partial<DeliveryFigures> {
  const { from = 0, to } = outages.at(-1) ?? {};
  if (to === undefined) return {};
  const afterMs = Date.now() - to;
  const { comeback } = view.state.figures[name];
  const isMissed = happenedAt >= from && happenedAt < to;
  if (!isMissed) return comeback ? {} : { comeback: { afterMs, missed: 0 } };
  return { comeback: { afterMs, missed: (comeback?.missed ?? 0) + 1 } };
}

async function cutNetwork(): Promise<void> {
  const from = Date.now();
  outages = [...outages, { from }];
  for (const name of DELIVERIES) changeFigures(name, { comeback: null });
  view.set({ isCut: true });
  await network.cut(CUT_MS, () => {
    outages = [...outages.slice(0, -1), { from, to: Date.now() }];
    view.set({ isCut: false });
  });
}

function changeFigures(name: Delivery, figures: Partial<DeliveryFigures>): void {
  const before = view.state.figures;
  view.set({ figures: { ...before, [name]: { ...before[name], ...figures } } });
}

function describe(data: Pulse | Board): string {
  if ("at" in data) return new Date(data.at).toLocaleTimeString("en-GB");
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
        timeline.draw(now, outages);
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
  start(target.value === "board" ? "board" : "pulse");
});

byId("live").addEventListener("click", ({ target }) => {
  const button = target instanceof Element ? target.closest("button") : null;
  if (button?.id === "pause") {
    view.set({ isPaused: !view.state.isPaused });
    if (view.state.isPaused) running?.abort();
    else start(view.state.feed);
  }
  if (button?.id === "cut" && !view.state.isCut && !view.state.isPaused) void cutNetwork();
  if (button?.id === "without-websockets") {
    network.isWithoutWebSockets = !network.isWithoutWebSockets;
    view.set({ isWithoutWebSockets: network.isWithoutWebSockets });
    start(view.state.feed);
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
