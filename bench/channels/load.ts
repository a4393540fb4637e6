import { Crowd, type CrowdOptions, type RoundOptions } from "./crowd.ts";

/** What the load generator is told to do. */
export type Order =
  | { readonly kind: "open"; readonly crowd: number; readonly options: CrowdOptions }
  | { readonly kind: "verify" | "close"; readonly crowd: number }
  | { readonly kind: "run"; readonly crowd: number; readonly round: RoundOptions }
  | {
      readonly kind: "time";
      readonly crowd: number;
      readonly messages: number;
      readonly intervalMs: number;
    };

/** Milliseconds: of a whole round, or the middle and the tail of its deliveries. */
export type Report =
  | { readonly ms: number }
  | { readonly p50: number; readonly p99: number }
  | { readonly error: string };

/** The load generator: a process of its own that holds every client. */
const crowds = new Map<number, Crowd>();

process.once("disconnect", () => process.exit());
process.on("message", (order: Order) => {
  void obey(order)
    .catch((thrown: unknown): Report => ({ error: String(thrown) }))
    .then((report) => process.send?.(report));
});

async function obey(order: Order): Promise<Report> {
  const crowd = crowds.get(order.crowd);
  if (order.kind === "open") {
    const opened = new Crowd(order.options);
    crowds.set(order.crowd, opened);
    return { ms: await opened.open() };
  }
  if (!crowd) throw new Error(`no crowd ${order.crowd}`);
  switch (order.kind) {
    case "verify":
      await crowd.verify();
      return { ms: 0 };
    case "run":
      return { ms: await crowd.run(order.round) };
    case "time":
      return toPercentiles(await crowd.time(order.messages, order.intervalMs));
    case "close":
      crowds.delete(order.crowd);
      await crowd.close();
      return { ms: 0 };
  }
}

function toPercentiles(latencies: Float64Array): Report {
  const sorted = latencies.toSorted();
  const at = (part: number): number => sorted[Math.floor(part * sorted.length)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}
