import { TidingsError } from "../core/errors.ts";

/** Says what to do when a server cannot listen at an address. */
export function toListenError(thrown: unknown, address: string): unknown {
  const code = Error.isError(thrown) && "code" in thrown ? thrown.code : undefined;
  if (code === "EADDRINUSE") {
    return new TidingsError(
      "SERVER_PORT_IN_USE",
      `${address} is in use; stop what uses it, or choose another with --port`,
      { cause: thrown },
    );
  }
  if (code === "EACCES" || code === "EADDRNOTAVAIL" || code === "ENOTFOUND") {
    return new TidingsError(
      "OPTION_INVALID",
      `cannot listen on ${address} (${code}); choose another --host or --port`,
      { cause: thrown },
    );
  }
  return thrown;
}
