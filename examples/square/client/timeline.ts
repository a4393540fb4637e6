const SPAN_MS = 30_000;
/** A delivery this far behind touches the top. */
const FULL_MS = 5_000;
/** What is below the axis: the marks of requests. */
const BELOW_AXIS = 24;

/** What one delivery did in the last thirty seconds, drawn on a line of time. */
export class Timeline {
  readonly #svg: SVGSVGElement;
  #requests: number[] = [];
  #events: number[] = [];
  #behind: { readonly at: number; readonly ms: number }[] = [];

  constructor(svg: SVGSVGElement) {
    this.#svg = svg;
  }

  addRequest(at: number): void {
    this.#requests.push(at);
  }

  addEvent(at: number): void {
    this.#events.push(at);
  }

  addBehind(at: number, ms: number): void {
    this.#behind.push({ at, ms });
  }

  draw(now: number): void {
    const from = now - SPAN_MS;
    this.#requests = this.#requests.filter((at) => at > from);
    this.#events = this.#events.filter((at) => at > from);
    this.#behind = this.#behind.filter(({ at }) => at > from);
    const { clientWidth: width, clientHeight: height } = this.#svg;
    const axis = height - BELOW_AXIS;
    const x = (at: number): string => (((at - from) / SPAN_MS) * width).toFixed(1);
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
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
