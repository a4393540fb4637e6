/**
 * Node HTTP in front of an application: requests, upgrades, limits, and the stop that drains them.
 *
 * Puts routes, middleware and deliveries together. Must never know what an application does.
 *
 * @module
 */
export { LIMIT_NAMES, toLimits, type LimitName, type ServerLimits } from "./limits.ts";
export { mount, type Mount, type MountOptions } from "./mount.ts";
export { reportIncidents } from "./report-incidents.ts";
export { passRoute } from "./route-request.ts";
export type { HealthCheck, HealthOptions } from "./health.ts";
export { createServer, type Server, type ServerLosses, type ServerOptions } from "./server.ts";
export type { TlsOptions } from "./tls-options.ts";
export type { ProxyHeaders, TrustedProxies } from "./trusted-proxies.ts";
