import { onReturn } from "./browser.ts";

/** Waits for a time; less when the network or the tab comes back, or the signal fires. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      stopListening();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    const stopListening = onReturn(finish);
    signal.addEventListener("abort", finish);
  });
}
