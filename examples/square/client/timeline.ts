const SPAN_MS = 30_000;
/** A delivery this far behind touches the top. */
const FULL_MS = 5_000;
/** What is below the axis: the marks of requests, and bars of bytes. */
const BELOW_AXIS = 44;
const BAR_MS = 1_000;
const BAR_HEIGHT = 20;
/** A second with so many bytes fills its bar. */
const FULL_BYTES = 600;

/** A time without a network; without an end while it lasts. */
export interface Outage {
  readonly from: number;
  readonly to?: number | undefined;
}

/** What one delivery did in the last thirty seconds, drawn on a line of time. */
export class Timeline {
  readonly #svg: SVGSVGElement;
  #requests: number[] = [];
  #events: number[] = [];
  #behind: { readonly at: number; readonly ms: number }[] = [];
  /** Bytes by the second in which they came. */
  readonly #bytes = new Map<number, number>();

  constructor(svg: SVGSVGElement) {
    this.#svg = svg;
  }

  addRequest(at: number): void {
    this.#requests.push(at);
  }

  addBytes(at: number, count: number): void {
    const bar = Math.floor(at / BAR_MS) * BAR_MS;
    this.#bytes.set(bar, (this.#bytes.get(bar) ?? 0) + count);
  }

  /** What has arrived only now was missing since it happened, known or not. */
  addArrival(now: number, happenedAt: number): void {
    this.#events.push(now);
    this.#behind = this.#behind.map(({ at, ms }) => ({ at, ms: Math.max(ms, at - happenedAt) }));
  }

  addBehind(at: number, ms: number): void {
    this.#behind.push({ at, ms });
  }

  draw(now: number, outages: readonly Outage[]): void {
    const from = now - SPAN_MS;
    this.#requests = this.#requests.filter((at) => at > from);
    this.#events = this.#events.filter((at) => at > from);
    this.#behind = this.#behind.filter(({ at }) => at > from);
    for (const at of this.#bytes.keys()) if (at + BAR_MS < from) this.#bytes.delete(at);
    const { clientWidth: width, clientHeight: height } = this.#svg;
    const axis = height - BELOW_AXIS;
    const x = (at: number): string => (((at - from) / SPAN_MS) * width).toFixed(1);
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const bands = outages.map(
      ({ from: began, to = now }) => `M${x(began)} 0H${x(to)}V${height}H${x(began)}Z`,
    );
    const bars = [...this.#bytes].map(([at, count]) => {
      const y = height - Math.max(1, Math.min(1, count / FULL_BYTES) * BAR_HEIGHT);
      return `M${x(at + 100)} ${height}V${y.toFixed(1)}H${x(at + BAR_MS - 100)}V${height}Z`;
    });
    this.#path("outages", bands.join(""));
    this.#path("bytes", bars.join(""));
    this.#path("axis", `M0 ${axis}H${width}`);
    this.#path("requests", this.#requests.map((at) => `M${x(at)} ${axis + 3}v15`).join(""));
    // A line of no length with round ends is a dot.
    this.#path("events", this.#events.map((at) => `M${x(at)} ${axis}h0`).join(""));
    this.#path("behind", this.#area(x, axis));
  }

  #area(x: (at: number) => string, axis: number): string {
    const [first] = this.#behind;
    const last = this.#behind.at(-1);
    if (!first || !last) return "";
    const points = this.#behind.map(({ at, ms }) => {
      const y = axis - Math.min(1, ms / FULL_MS) * (axis - 4);
      return `${x(at)} ${y.toFixed(1)}`;
    });
    return `M${x(first.at)} ${axis}L${points.join("L")}L${x(last.at)} ${axis}Z`;
  }

  #path(name: string, shape: string): void {
    this.#svg.querySelector(`.timeline-${name}`)?.setAttribute("d", shape);
  }
}
