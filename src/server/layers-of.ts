import type { Application } from "../app/index.ts";
import type { ChannelLayer } from "../layers/index.ts";

/** The layers that an application's routes use, by name. */
export function layersOf({ app, router }: Application): ReadonlyMap<string, ChannelLayer> {
  const names = new Set(["default", ...router.routes.map(({ definition }) => definition.layer)]);
  return new Map([...names].map((name) => [name, app.getLayer(name)]));
}
