import type { Traffic, TrafficListener } from "./traffic.ts";

/** What counts is loaded when somebody wants to know; whoever cannot load it hears nothing of it. */
export async function countTraffic(
  onTraffic: TrafficListener | undefined,
): Promise<Traffic | undefined> {
  if (!onTraffic) return undefined;
  try {
    const { TrafficCounter } = await import("./traffic-counter.ts");
    return new TrafficCounter(onTraffic);
  } catch {
    return undefined;
  }
}
