import type { FC } from "hono/jsx";
import { render, useState } from "hono/jsx/dom";

/** A view on the page, and the state that it shows. */
export interface Mounted<TState> {
  readonly state: TState;
  /** Shows a changed state. */
  set(change: Partial<TState>): void;
}

/**
 * Takes over what the server has rendered into `#live`, with the state that it has put into the page.
 *
 * The view is the same function that the server has called, so nothing moves; from here on it is
 * called again for every change, and only what differs is touched.
 */
export function mount<TState extends object>(
  View: FC<{ readonly state: TState }>,
): Mounted<TState> {
  const initial: TState = JSON.parse(byId("state").textContent);
  let state = initial;
  let show: ((state: TState) => void) | undefined;
  function Root() {
    const [shown, setShown] = useState(initial);
    show = setShown;
    return <View state={shown} />;
  }
  render(<Root />, byId("live"));
  return {
    get state() {
      return state;
    },
    set(change) {
      state = { ...state, ...change };
      show?.(state);
    },
  };
}

/** Returns the element with this id; every page has those that its script asks for. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no element #${id}`);
  return element;
}
