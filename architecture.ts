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
  cache: ["core"],
  layers: ["core"],
  channels: ["core", "layers", "protocol"],
  transports: ["core", "protocol", "layers", "channels"],
  tasks: ["core"],
  live: ["core", "channels", "tasks"],
  app: ["core", "cache", "layers", "channels", "tasks"],
  server: ["core", "protocol", "layers", "channels", "transports", "app"],
  client: ["core", "protocol"],
  cli: ["core", "app", "server", "tasks", "channels"],
  testing: ["core", "layers", "cache", "channels", "tasks", "app", "server"],
};

/** Folders that must also run in a browser: no `node:` import, no Node type. */
export const browserSafe: readonly string[] = ["core", "protocol", "client"];
