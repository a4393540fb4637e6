import { Command } from "commander";
import { describe, expect, test } from "vitest";

import { hostOption, portOption, stopTimeoutOption } from "./options.ts";
import { listenOptions, toListenArguments, type ListenOptions } from "./server-options.ts";

function parse(args: readonly string[]): ListenOptions {
  const command = new Command();
  const options = [portOption(), hostOption(), stopTimeoutOption(), ...listenOptions()];
  for (const option of options) command.addOption(option);
  return command.parse(args, { from: "user" }).opts<ListenOptions>();
}

describe("toListenArguments", () => {
  test.each<{ readonly args: readonly string[] }>([
    { args: [] },
    { args: ["--port", "1", "--host", "::1", "--no-health"] },
    { args: ["--unix-socket", "/tmp/a b", "--drain-delay", "2", "--drain-spread", "3"] },
    { args: ["--tls-cert", "cert.pem", "--tls-key", "key.pem"] },
    { args: ["--trusted-proxies", "all", "--proxy-headers", "forwarded"] },
    { args: ["--trusted-proxies", "10.0.0.0/8, loopback"] },
    { args: ["--limit", "maxBodyBytes=10", "--limit", "maxConnections=none"] },
  ])("says again what was said by $args", ({ args }) => {
    const options = parse(args);
    expect(parse(toListenArguments(options))).toEqual(options);
  });
});
