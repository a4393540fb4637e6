import { crc32 } from "node:zlib";

import type { LayerOptions } from "../layer.ts";

/** What a process says of a layer that it opens. */
export interface Opening {
  /** The process's own name, which is in the names of its channels. */
  readonly process: string;
  /** What the layer is called, the same in every process. */
  readonly key: string;
  readonly bounds: LayerOptions;
}

/** The number of the layer of this name, in every process. */
export function layerNumber(key: string): number {
  return crc32(key);
}
