import {
  DELIVERIES,
  DELIVERY_TEXTS,
  FEED_NAMES,
  FEEDS,
  type Delivery,
  type FeedName,
} from "./delivery-texts.ts";

/** What one delivery has shown so far. */
export interface DeliveryFigures {
  readonly value: string;
  /** From the moment when the last event happened to its arrival. */
  readonly delayMs: number | null;
  readonly events: number;
  readonly requests: number;
  readonly bytes: number;
  /** What is wrong at the moment, if anything. */
  readonly problem: string | null;
}

/** Everything that the page of deliveries shows, but for the drawings. */
export interface DeliveriesState {
  readonly feed: FeedName;
  readonly isPaused: boolean;
  readonly origin: string;
  readonly figures: Readonly<Record<Delivery, DeliveryFigures>>;
}

const NOTHING: DeliveryFigures = {
  value: "–",
  delayMs: null,
  events: 0,
  requests: 0,
  bytes: 0,
  problem: null,
};

/** The page before anything has arrived. */
export function emptyDeliveries(feed: FeedName, origin: string): DeliveriesState {
  return {
    feed,
    origin,
    isPaused: false,
    figures: {
      poll: NOTHING,
      "long-poll": NOTHING,
      ndjson: NOTHING,
      sse: NOTHING,
      websocket: NOTHING,
    },
  };
}

/** The five deliveries of one feed, below each other on the same time line. */
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
      <button
        class="button button-quiet"
        type="button"
        id="pause"
        aria-pressed={String(state.isPaused)}
      >
        {state.isPaused ? "Go on" : "Pause"}
      </button>
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
        <h2>{text.title}</h2>
        <p>{text.how}</p>
        <p class="hint">{text.when}</p>
      </div>
      <div class="delivery-live">
        <p class="delivery-value">
          {figures.problem === null ? (
            <span class="number">{figures.value}</span>
          ) : (
            <span class="tag tag-amber">{figures.problem}</span>
          )}
        </p>
        <svg
          class="timeline"
          data-timeline={name}
          role="img"
          aria-label={describe(text.title, figures)}
        >
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
      </dl>
      <details class="delivery-try">
        <summary>Try it</summary>
        <Command label="Terminal" text={text.curl(state.origin, path)} />
        <Command label="Browser" text={text.script(path)} />
      </details>
    </li>
  );
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

function describe(title: string, { events, requests }: DeliveryFigures): string {
  return `${title}: ${events} events in ${requests} ${requests === 1 ? "request" : "requests"}`;
}

function formatDelay(ms: number | null): string {
  if (ms === null) return "–";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function formatBytes(bytes: number): string {
  return bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(1)} kB`;
}
