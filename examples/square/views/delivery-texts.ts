/** The ways to follow a feed, from the oldest to the newest, and the one that chooses by itself. */
export const DELIVERIES = ["poll", "long-poll", "ndjson", "sse", "websocket", "automatic"] as const;
export type Delivery = (typeof DELIVERIES)[number];

/** What people read about a delivery. */
export interface DeliveryText {
  readonly title: string;
  readonly how: string;
  readonly when: string;
  /** A command for a terminal; none for what only the client does. */
  readonly command?: (origin: string, path: string) => string;
  readonly script: (path: string) => string;
}

/** One sentence on how each works, one on when to use it, and how to try it. */
export const DELIVERY_TEXTS: Readonly<Record<Delivery, DeliveryText>> = {
  poll: {
    title: "Polling",
    how: "Asks every five seconds, whether or not anything has happened.",
    when: "For what changes rarely, or may be late. Works through everything.",
    command: (origin, path) => `curl ${origin}${path}`,
    script: (path) => `setInterval(async () => show(await (await fetch("${path}")).json()), 5000)`,
  },
  "long-poll": {
    title: "Long polling",
    how: "Asks, and the server answers when something happens; then asks again.",
    when: "Where a proxy holds back streams. As quick as they are, at a request for every event.",
    command: (origin, path) => `curl -H 'prefer: wait=25' '${origin}${path}?cursor=CURSOR'`,
    script: (path) => `await fetch("${path}?cursor=" + cursor, { headers: { prefer: "wait=25" } })`,
  },
  ndjson: {
    title: "HTTP streaming",
    how: "One request whose answer never ends, with a line of JSON for each event.",
    when: "Between servers, in scripts and terminals: any HTTP client can read it.",
    command: (origin, path) => `curl -N -H 'accept: application/x-ndjson' ${origin}${path}`,
    script: (path) =>
      `(await fetch("${path}", { headers: { accept: "application/x-ndjson" } })).body`,
  },
  sse: {
    title: "Event source",
    how: "The same stream in the format that browsers read by themselves (SSE).",
    when: "For pages that only listen. Browsers come back and resume without a library.",
    command: (origin, path) => `curl -N -H 'accept: text/event-stream' ${origin}${path}`,
    script: (path) =>
      `new EventSource("${path}").onmessage = (event) => show(JSON.parse(event.data))`,
  },
  websocket: {
    title: "WebSocket",
    how: "One connection that both sides write to, with a few bytes around each event.",
    when: "For pages that also speak, follow much, or follow many things at a time.",
    // Few builds of curl speak WebSocket; the Node.js that runs the square does.
    command: (origin, path) =>
      `node -e 'new WebSocket("${origin.replace(/^http/, "ws")}${path}").onmessage = ({ data }) => console.log(data)'`,
    script: (path) =>
      `new WebSocket("${path}").onmessage = (event) => show(JSON.parse(event.data))`,
  },
  automatic: {
    title: "Automatic",
    how: "The client tries WebSocket, event source, long polling and polling, in this order.",
    when: "For everything else: it falls back where something is held back, and climbs again.",
    script: (path) =>
      `for await (const { data } of follow("${path}")) show(data) // from "tidings/client"`,
  },
};

/** The feeds that can be followed on the page of deliveries. */
export const FEED_NAMES = ["pulse", "board"] as const;
export type FeedName = (typeof FEED_NAMES)[number];
export const FEEDS = {
  pulse: { path: "/pulse", title: "The pulse", about: "a numbered beat every second" },
  board: { path: "/topics", title: "The board", about: "something when a note changes" },
} as const;
