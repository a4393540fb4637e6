import { withoutCredentials } from "../core/without-credentials.ts";

/** The drivers of an application, as URLs without credentials. */
export interface AppDrivers {
  readonly layer: string;
  /** Of the default layer's groups; "none" for a layer of one's own, if nothing is said. */
  readonly history: string;
  readonly presence: string;
  readonly broker: string;
  readonly results: string;
  readonly cache: string;
}

/** A driver as it was asked for: by its URL, by settings, or one that was made already. */
export type DriverSource =
  | string
  | { readonly url?: string | readonly string[] | undefined; readonly client?: object | undefined }
  | AsyncDisposable;

/** What may be shown of where drivers are. */
export function describeDrivers(
  sources: Readonly<Record<keyof AppDrivers, DriverSource | undefined>>,
): AppDrivers {
  const { layer, history, presence, broker, results, cache } = sources;
  return {
    layer: describe(layer),
    history: describe(history),
    presence: describe(presence),
    broker: describe(broker),
    results: describe(results),
    cache: describe(cache),
  };
}

function describe(source: DriverSource | undefined): string {
  if (source === undefined) return "none";
  if (typeof source === "string") return withoutCredentials(source);
  if (Symbol.asyncDispose in source) return "one of its own";
  const { url = source.client ? "redis:" : "memory:" } = source;
  const urls = typeof url === "string" ? [url] : url;
  return urls.map(withoutCredentials).join(" ");
}
