import { follow, type DataOf, type FeedTypes } from "tidings/client";

/** Follows a feed over a WebSocket until the signal fires, and shows the data of every event. */
export function followFeed<TFeed extends FeedTypes>(
  path: string,
  signal: AbortSignal,
  show: (data: DataOf<TFeed>) => void,
): void {
  const run = async (): Promise<void> => {
    for await (const { data } of follow<TFeed>(path, { signal })) show(data);
  };
  run().catch(reportError);
}
