/**
 * Runs something while the page can be seen and may be followed; its signal fires when it is hidden.
 *
 * A browser has six connections for a site's pages together, so a hidden page gives its own back.
 */
export function whileVisible(run: (signal: AbortSignal) => void): void {
  let controller: AbortController | undefined;
  const update = (): void => {
    if (document.hidden) {
      controller?.abort();
      controller = undefined;
      return;
    }
    if (controller) return;
    controller = new AbortController();
    run(controller.signal);
  };
  document.addEventListener("visibilitychange", update);
  update();
}
