import { ago } from "./ago.ts";

/** A moment, as "3 min ago" with the exact time behind it. */
export function AgoTime({ at, now }: { readonly at: number; readonly now: number }) {
  return <time datetime={new Date(at).toISOString()}>{ago(at, now)}</time>;
}
