import {
  DELIVERIES,
  DELIVERY_TEXTS,
  FEED_NAMES,
  FEEDS,
  type Delivery,
  type FeedName,
} from "./delivery-texts.ts";

/** How a delivery came back after a cut. */
export interface Comeback {
  /** From the return of the network until everything was there. */
  readonly afterMs: number;
  /** The events of the time without a network that came then. */
  readonly missed: number;
}

/** What one delivery has shown so far. */
export interface DeliveryFigures {
  readonly value: string;
  /** From the moment when the last event happened to its arrival; of several that came together, the first. */
  readonly delayMs: number | null;
  readonly events: number;
  readonly requests: number;
  readonly bytes: number;
  /** Counted from the numbers of the events; `null` for a feed whose events have none. */
  readonly lost: number | null;
  readonly repeated: number | null;
  /** How it came through the last cut, once it is back. */
  readonly comeback: Comeback | null;
  /** The transport that was chosen. */
  readonly chosen: Delivery | null;
  /** What is wrong at the moment, if anything. */
  readonly problem: string | null;
}

/** Everything that the page of deliveries shows, but for the drawings. */
export interface DeliveriesState {
  readonly feed: FeedName;
  readonly isPaused: boolean;
  readonly origin: string;
  readonly isCut: boolean;
  readonly isWithoutWebSockets: boolean;
  readonly figures: Readonly<Record<Delivery, DeliveryFigures>>;
}

const NOTHING: DeliveryFigures = {
  value: "–",
  delayMs: null,
  events: 0,
  requests: 0,
  bytes: 0,
  lost: null,
  repeated: null,
  comeback: null,
  chosen: null,
  problem: null,
};

/** The page before anything has arrived. */
export function emptyDeliveries(feed: FeedName, origin: string): DeliveriesState {
  return {
    feed,
    origin,
    isPaused: false,
    isCut: false,
    isWithoutWebSockets: false,
    figures: {
      poll: NOTHING,
      "long-poll": NOTHING,
      ndjson: NOTHING,
      sse: NOTHING,
      websocket: NOTHING,
      automatic: NOTHING,
    },
  };
}

/** The deliveries of one feed, below each other on the same time line. */
export function DeliveriesView({ state }: { readonly state: DeliveriesState }) {
  return (
    <>
      <Controls state={state} />
      <ul class="deliveries">
        {DELIVERIES.map((name) => (
          <DeliveryRow key={name} name={name} state={state} />
        ))}
      </ul>
    </>
  );
}

function Controls({ state }: { readonly state: DeliveriesState }) {
  return (
    <form class="controls" id="controls">
      <fieldset>
        <legend class="visually-hidden">Feed to follow</legend>
        {FEED_NAMES.map((name) => (
          <label class="choice" key={name}>
            <input type="radio" name="feed" value={name} checked={state.feed === name} />
            <span>
              <strong>{FEEDS[name].title}</strong> <span class="hint">{FEEDS[name].about}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <div class="network">
        <button class="button" type="button" id="cut" aria-disabled={String(state.isCut)}>
          Cut the network for 5 s
        </button>
        <button
          class="button button-quiet"
          type="button"
          id="without-websockets"
          aria-pressed={String(state.isWithoutWebSockets)}
        >
          Refuse WebSockets
        </button>
        <button class="button button-quiet" type="button" id="pause">
          {state.isPaused ? "Go on" : "Pause"}
        </button>
      </div>
      <p class="outcome" role="status">
        {describeOutcome(state)}
      </p>
      <ul class="legend" aria-label="Legend">
        <li>
          <span class="key key-request" /> a request
        </li>
        <li>
          <span class="key key-event" /> an event
        </li>
        <li>
          <span class="key key-behind" /> how far behind
        </li>
        <li>
          <span class="key key-bytes" /> bytes
        </li>
        <li>
          <span class="key key-outage" /> no network
        </li>
      </ul>
    </form>
  );
}

function DeliveryRow({
  name,
  state,
}: {
  readonly name: Delivery;
  readonly state: DeliveriesState;
}) {
  const text = DELIVERY_TEXTS[name];
  const figures = state.figures[name];
  const { path } = FEEDS[state.feed];
  return (
    <li class="delivery card" id={`delivery-${name}`} data-events={figures.events}>
      <div class="delivery-text">
        <h2>
          {text.title}{" "}
          {figures.chosen === null ? null : (
            <span class="tag tag-accent">{DELIVERY_TEXTS[figures.chosen].title}</span>
          )}
        </h2>
        <p>{text.how}</p>
        <p class="hint">{text.when}</p>
      </div>
      <div class="delivery-live">
        <p class="delivery-value">
          <span class="number">{figures.value}</span>
          <State figures={figures} />
        </p>
        <svg
          class="timeline"
          data-timeline={name}
          role="img"
          aria-label={describe(text.title, figures)}
        >
          <path class="timeline-outages" />
          <path class="timeline-bytes" />
          <path class="timeline-behind" />
          <path class="timeline-axis" />
          <path class="timeline-requests" />
          <path class="timeline-events" />
        </svg>
      </div>
      <dl class="figures">
        <Figure name="Delay" value={formatDelay(figures.delayMs)} />
        <Figure name="Events" value={String(figures.events)} />
        <Figure name="Requests" value={String(figures.requests)} />
        <Figure name="Received" value={formatBytes(figures.bytes)} />
        <Figure name="Lost" value={formatCount(figures.lost)} />
        <Figure name="Repeated" value={formatCount(figures.repeated)} />
      </dl>
      <details class="delivery-try">
        <summary>Try it</summary>
        {text.command ? <Command label="Terminal" text={text.command(state.origin, path)} /> : null}
        <Command label="Browser" text={text.script(path)} />
      </details>
    </li>
  );
}

/** What is wrong, or how it came through the last cut. */
function State({ figures: { problem, comeback } }: { readonly figures: DeliveryFigures }) {
  if (problem !== null) return <span class="tag tag-amber">{problem}</span>;
  if (!comeback) return null;
  return (
    <span class="tag tag-accent">
      {comeback.missed === 0 ? "back" : `${comeback.missed} caught up`} in{" "}
      {formatDelay(comeback.afterMs)}
    </span>
  );
}

function describeOutcome({ isCut, figures }: DeliveriesState): string {
  if (isCut) return "The network is cut: every connection is broken, and nothing gets through.";
  const all = DELIVERIES.map((name) => figures[name]);
  const comebacks = all.flatMap(({ comeback }) => comeback ?? []);
  if (comebacks.length < all.length) return "";
  const slowestMs = Math.max(...comebacks.map(({ afterMs }) => afterMs));
  const sum = (count: (figures: DeliveryFigures) => number | null): number =>
    all.reduce((total, each) => total + (count(each) ?? 0), 0);
  const what = `${sum(({ lost }) => lost)} lost, ${sum(({ repeated }) => repeated)} repeated`;
  return `All are back, the slowest after ${formatDelay(slowestMs)}: ${what}.`;
}

function Figure({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd class="number">{value}</dd>
    </div>
  );
}

function Command({ label, text }: { readonly label: string; readonly text: string }) {
  return (
    <div class="command">
      <span class="hint">{label}</span>
      <code>{text}</code>
      <button
        class="link"
        type="button"
        data-copy={text}
        aria-label={`Copy for ${label.toLowerCase()}`}
      >
        Copy
      </button>
    </div>
  );
}

function describe(title: string, { events, requests, bytes }: DeliveryFigures): string {
  return `${title}: ${events} events in ${requests} ${requests === 1 ? "request" : "requests"}, ${formatBytes(bytes)}`;
}

function formatDelay(ms: number | null): string {
  if (ms === null) return "–";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function formatCount(count: number | null): string {
  return count === null ? "–" : String(count);
}

function formatBytes(bytes: number): string {
  return bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(1)} kB`;
}
