/** The part of a browser that other runtimes lack. A worker has no document, Node.js none of it. */
interface Browser extends Events {
  readonly location: { readonly href: string };
  readonly document?: (Events & { readonly visibilityState: string }) | undefined;
}

interface Events {
  addEventListener(type: string, listener: () => void): void;
  removeEventListener(type: string, listener: () => void): void;
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
  page?.document?.addEventListener("visibilitychange", onVisibility);
  return () => {
    page?.removeEventListener("online", listener);
    page?.document?.removeEventListener("visibilitychange", onVisibility);
  };
}

/** Calls back when the network goes, until the returned function is called. */
export function onOffline(listener: () => void): () => void {
  const page = browser();
  page?.addEventListener("offline", listener);
  return () => page?.removeEventListener("offline", listener);
}
