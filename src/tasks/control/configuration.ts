import { readFileSync } from "node:fs";
import { arch, platform, release } from "node:os";

import { isRecord } from "../../core/is-record.ts";
import type { TaskRuntime } from "../task-runtime.ts";

/** What a worker was set up with, as far as others may know it. */
export interface WorkerConfiguration {
  readonly runtime: Pick<
    TaskRuntime,
    "places" | "defaultQueue" | "defaultPriority" | "format" | "resultExpiresMs"
  >;
  readonly concurrency: number;
}

const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  redis: 6_379,
  rediss: 6_379,
  amqp: 5_672,
  amqps: 5_671,
};

/** Returns settings by Celery's names for them. */
export function toCelerySettings({ runtime, concurrency }: WorkerConfiguration): unknown {
  const { places, defaultQueue, defaultPriority, format, resultExpiresMs } = runtime;
  const { serializer = "json", compression = null, accept = ["json", "msgpack"] } = format;
  return {
    broker_url: places.broker,
    result_backend: places.results,
    result_expires: resultExpiresMs / 1_000,
    task_default_queue: defaultQueue,
    task_default_priority: defaultPriority ?? null,
    task_serializer: serializer,
    task_compression: compression,
    accept_content: accept,
    task_acks_late: true,
    task_reject_on_worker_lost: true,
    task_track_started: true,
    enable_utc: true,
    worker_concurrency: concurrency,
  };
}

/** Returns what a report of an error should say of where it happened, as a text. */
export function toReport(configuration: WorkerConfiguration): string {
  const { places } = configuration.runtime;
  const settings = Object.entries(toCelerySettings(configuration) ?? {});
  return [
    "",
    `software -> tidings:${readVersion()} node:${process.versions.node}`,
    `platform -> system:${platform()} arch:${arch()}`,
    `            kernel version:${release()}`,
    `settings -> transport:${schemeOf(places.broker)} results:${places.results}`,
    "",
    ...settings.map(([name, value]) => `${name}: ${JSON.stringify(value)}`),
    "",
  ].join("\n");
}

/** Returns what Celery says of the connection to a broker; of a list, the first server. */
export function toBrokerInfo(url: string): unknown {
  const [first = "", ...alternates] = url.split(";");
  const transport = schemeOf(first);
  // Of sentinels there are several, which is no URL: the first of them.
  const place = /^[^:]*:\/\/(\[[^\]]*\]|[^:,/]*)(?::(\d+))?[^/]*(?:\/([^?]*))?/.exec(first);
  const [, host = null, port, path] = place ?? [];
  return {
    transport: transport.replace(/^(redis|amqp)s/, "$1"),
    hostname: host,
    port: port === undefined ? (DEFAULT_PORTS[transport] ?? null) : Number(port),
    virtual_host: path === undefined || path === "" ? null : path,
    userid: null,
    ssl: /^(redis|amqp)s/.test(transport),
    insist: false,
    connect_timeout: 5,
    transport_options: {},
    login_method: null,
    uri_prefix: null,
    heartbeat: null,
    failover_strategy: "round-robin",
    alternates,
  };
}

function schemeOf(url: string): string {
  return /^[a-z][a-z+]*/.exec(url)?.[0] ?? "";
}

function readVersion(): string {
  const path = new URL("../../../package.json", import.meta.url);
  const manifest: unknown = JSON.parse(readFileSync(path, "utf8"));
  return isRecord(manifest) ? String(manifest["version"]) : "unknown";
}
