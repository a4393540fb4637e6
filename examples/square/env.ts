import type { Assets } from "./assets.ts";
import type { User } from "./users.ts";

/** What every page's handler finds in its context. */
export interface Env {
  readonly Variables: {
    /** Who asks, or `null`. */
    readonly user: User | null;
    readonly assets: Assets;
  };
}
