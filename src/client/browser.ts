/** The part of a browser that other runtimes lack. A worker has no document, Node.js none of it. */
interface Browser extends Events {
  readonly location: { readonly href: string };
  readonly document?: (Events & { readonly visibilityState: string }) | undefined;
}

interface Events {
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
  const page = browser();
  const onVisibility = (): void => {
    if (page?.document?.visibilityState === "visible") listener();
  };
  page?.addEventListener("online", listener);
  page?.addEventListener("pageshow", listener);
  page?.document?.addEventListener("visibilitychange", onVisibility);
  return () => {
    page?.removeEventListener("online", listener);
    page?.removeEventListener("pageshow", listener);
    page?.document?.removeEventListener("visibilitychange", onVisibility);
  };
}

/** Whether nobody sees the page: its tab is behind another one. */
export function isHidden(): boolean {
  return browser()?.document?.visibilityState === "hidden";
}

/**
 * Calls back when the network goes, or the page is put aside, until the returned function is called.
 *
 * A browser keeps a page that is left for the way back only if nothing of it is connected. With a page
 * that it does not keep, it ends everything by itself.
 */
export function onAway(listener: () => void): () => void {
  const page = browser();
  const onPageHide = (event: Event): void => {
    if (!("persisted" in event) || event.persisted === true) listener();
  };
  page?.addEventListener("offline", listener);
  page?.addEventListener("pagehide", onPageHide);
  return () => {
    page?.removeEventListener("offline", listener);
    page?.removeEventListener("pagehide", onPageHide);
  };
}
