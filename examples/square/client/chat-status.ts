import type { ChatStatus } from "../views/chat-state.ts";

const TEXTS = { open: "Connected", connecting: "Connecting…", closed: "Disconnected" } as const;

/** The part of a connection that is shown. */
interface StatusSource {
  onStatus(
    listener: (status: {
      readonly status: ChatStatus["kind"];
      readonly retryInMs?: number | undefined;
      readonly reason?: string | undefined;
    }) => void,
  ): () => void;
}

/** Says how a connection is doing, counting down the seconds until it is tried again. */
export function showStatus(source: StatusSource, show: (status: ChatStatus) => void): void {
  let countdown: ReturnType<typeof setInterval> | undefined;
  source.onStatus(({ status, retryInMs = 0, reason }) => {
    clearInterval(countdown);
    if (status !== "waiting") {
      const text = TEXTS[status];
      show({ kind: status, text: reason ? `${text}: ${reason}` : text });
      return;
    }
    const until = Date.now() + retryInMs;
    const tick = (): void => {
      const seconds = Math.ceil((until - Date.now()) / 1000);
      const text = seconds > 0 ? `Reconnecting in ${seconds} s` : "Reconnecting…";
      show({ kind: "waiting", text });
    };
    tick();
    countdown = setInterval(tick, 1_000);
  });
}
