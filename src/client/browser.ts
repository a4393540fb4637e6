/** The part of a browser that other runtimes lack. A worker has no document, Node.js none of it. */
interface Browser {
  readonly location: { readonly href: string };
  readonly document?: { readonly visibilityState: string } | undefined;
  addEventListener(type: string, listener: (event: Event) => void): void;
  removeEventListener(type: string, listener: (event: Event) => void): void;
}

function isBrowser(scope: object): scope is Browser {
  return "location" in scope && "addEventListener" in scope;
}

/** Looked up at each use, so that a page which is put in place later counts as well. */
function browser(): Browser | undefined {
  const scope: object = globalThis;
  return isBrowser(scope) ? scope : undefined;
}

/** The page's address, which relative addresses start from. */
export function pageAddress(): string | undefined {
  return browser()?.location.href;
}

/** Calls back when the network or the tab comes back, until the returned function is called. */
export function onReturn(listener: () => void): () => void {
  return listen(["online", "pageshow", "visibilitychange"], ({ type }) => {
    if (type !== "visibilitychange" || !isHidden()) listener();
  });
}

/** Whether nobody sees the page: its tab is behind another one. */
export function isHidden(): boolean {
  return browser()?.document?.visibilityState === "hidden";
}

/**
 * Calls back when the network goes, or the page is put aside, until the returned function is called.
 *
 * A browser keeps a page that is left for the way back only if nothing of it is connected.
 */
export function onAway(listener: () => void): () => void {
  return listen(["offline", "pagehide"], (event) => {
    if (!isEndOfPage(event)) listener();
  });
}

/** Calls back when the page is left for good, until the returned function is called. */
export function onEndOfPage(listener: () => void): () => void {
  return listen(["pagehide"], (event) => {
    if (isEndOfPage(event)) listener();
  });
}

/** Of a page that a browser does not keep, it ends everything by itself. */
function isEndOfPage(event: Event): boolean {
  return "persisted" in event && event.persisted === false;
}

/** The document's events come by the window as well. */
function listen(types: readonly string[], listener: (event: Event) => void): () => void {
  const page = browser();
  for (const type of types) page?.addEventListener(type, listener);
  return () => {
    for (const type of types) page?.removeEventListener(type, listener);
  };
}
