import { TidingsError } from "../core/errors.ts";

/** Where a server could not listen: a port, or the path of a Unix socket. */
type Address = string | { readonly host: string; readonly port: number };

/** Says what to do when a server cannot listen at an address. */
export function toListenError(thrown: unknown, address: Address): unknown {
  const code = Error.isError(thrown) && "code" in thrown ? thrown.code : undefined;
  if (code === "EADDRINUSE") {
    return new TidingsError("SERVER_PORT_IN_USE", sayInUse(address), { cause: thrown });
  }
  if (code === "EACCES" || code === "EADDRNOTAVAIL" || code === "ENOTFOUND" || code === "ENOENT") {
    const where = typeof address === "string" ? address : `${address.host}:${address.port}`;
    return new TidingsError(
      "OPTION_INVALID",
      `cannot listen on ${where} (${code}); choose another --host, --port or --unix-socket`,
      { cause: thrown },
    );
  }
  return thrown;
}

function sayInUse(address: Address): string {
  if (typeof address === "string") {
    return `${address} is there already; stop what uses it, or remove what a killed process left`;
  }
  return `port ${address.port} on ${address.host} is in use; stop what uses it, or choose another with --port`;
}
