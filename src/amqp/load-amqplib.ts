import { createRequire } from "node:module";

import type { ChannelModel, Options } from "amqplib";

import { decodeFields, encodeTable } from "./field-table.ts";

/** What we use of amqplib. */
export interface Amqplib {
  connect(url: Options.Connect, socketOptions: object): Promise<ChannelModel>;
}

let loaded: Amqplib | undefined;

/**
 * Loads an amqplib of our own, with our field tables in the place of its own.
 *
 * It has no way to say how tables are read and written. Its modules take both functions from
 * `lib/codec.js` when they are loaded, so they are loaded anew here, after those were replaced there;
 * whatever else the application does with amqplib keeps its own.
 */
export function loadAmqplib(): Amqplib {
  return (loaded ??= loadAnew());
}

function loadAnew(): Amqplib {
  const entry = createRequire(import.meta.url).resolve("amqplib");
  const load = createRequire(entry);
  const folder = entry.slice(0, entry.lastIndexOf("amqplib") + "amqplib".length);
  const others = Object.entries(load.cache).filter(([path]) => path.startsWith(folder));
  for (const [path] of others) delete load.cache[path];
  try {
    const codec: unknown = load("./lib/codec.js");
    if (!isCodec(codec)) throw new Error("this version of amqplib has no codec to replace");
    codec.encodeTable = encodeTable;
    codec.decodeFields = decodeFields;
    const amqplib: unknown = load(entry);
    if (!isAmqplib(amqplib)) throw new Error("this version of amqplib has no `connect`");
    return amqplib;
  } finally {
    for (const path of Object.keys(load.cache)) {
      if (path.startsWith(folder)) delete load.cache[path];
    }
    for (const [path, module] of others) load.cache[path] = module;
  }
}

interface Codec {
  encodeTable: unknown;
  decodeFields: unknown;
}

function isCodec(value: unknown): value is Codec {
  return (
    typeof value === "object" && value !== null && "encodeTable" in value && "decodeFields" in value
  );
}

function isAmqplib(value: unknown): value is Amqplib {
  return typeof value === "object" && value !== null && "connect" in value;
}
