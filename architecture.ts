/**
 * Who may import whom: a folder of `src/` to the folders that it may import.
 *
 * The linter enforces it (`oxlint.config.ts`), ARCHITECTURE.md prints it, and a test compares the two.
 * Arrows point from what changes often (cli, app, server) to what changes rarely (contracts, core).
 */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  protocol: ["core"],
  signals: ["core"],
  redis: ["core"],
  sqlite: ["core"],
  amqp: ["core"],
  cache: ["core"],
  layers: ["core", "redis"],
  history: ["core", "protocol", "redis", "sqlite", "layers"],
  presence: ["core", "redis", "sqlite", "layers", "channels"],
  channels: ["core", "layers", "history", "protocol"],
  identity: ["core", "redis", "sqlite", "channels"],
  transports: ["core", "protocol", "layers", "history", "channels"],
  tasks: ["core", "redis", "sqlite", "amqp"],
  live: ["core", "channels", "tasks"],
  app: ["core", "redis", "cache", "layers", "history", "presence", "channels", "tasks"],
  server: ["core", "protocol", "layers", "channels", "transports", "app"],
  client: ["core", "protocol"],
  react: ["core", "client"],
  cli: ["core", "sqlite", "app", "server", "tasks", "channels", "layers"],
  testing: [
    "core",
    "protocol",
    "layers",
    "cache",
    "history",
    "presence",
    "channels",
    "identity",
    "transports",
    "tasks",
    "app",
    "server",
  ],
};

/** Folders that must also run in a browser: no `node:` import, no Node type. */
export const browserSafe: readonly string[] = ["core", "protocol", "client", "react"];
