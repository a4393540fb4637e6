/**
 * Keeps a log at its end while lines come in, unless somebody has scrolled up to read.
 *
 * Returns the function that goes to the end in any case.
 */
export function stickToEnd(root: HTMLElement, selector: string): () => void {
  let isAtEnd = true;
  const follow = (): void => {
    const log = root.querySelector(selector);
    if (log && isAtEnd) log.scrollTop = log.scrollHeight;
  };
  root.addEventListener(
    "scroll",
    ({ target }) => {
      if (!(target instanceof Element) || !target.matches(selector)) return;
      isAtEnd = target.scrollHeight - target.scrollTop - target.clientHeight < 40;
    },
    { capture: true, passive: true }, // scroll events do not bubble
  );
  new MutationObserver(follow).observe(root, { childList: true, subtree: true });
  addEventListener("resize", follow);
  return () => {
    isAtEnd = true;
    follow();
  };
}
