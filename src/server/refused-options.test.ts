import { expect, test } from "vitest";

import { application, createApp } from "../app/index.ts";
import { mount } from "./mount.ts";
import { createServer } from "./server.ts";

const app = createApp({ name: "test", broker: "memory:" });
const site = application({ app });

interface Refusal {
  readonly make: (...args: readonly never[]) => unknown;
  /** What a program without types may pass. */
  readonly args: readonly unknown[];
  readonly message: string;
}

const refusals: readonly Refusal[] = [
  {
    make: createServer,
    args: [site, { trustedProxy: "loopback" }],
    message: '`createServer` has no option "trustedProxy" (did you mean `trustedProxies`?)',
  },
  {
    make: createServer,
    args: [site, { limits: { maxConections: 5 } }],
    message: '`limits` has no option "maxConections" (did you mean `maxConnections`?)',
  },
  {
    make: createServer,
    args: [site, { health: { livepath: "/live" } }],
    message: '`health` has no option "livepath" (did you mean `livePath`?)',
  },
  {
    make: createServer,
    args: [site, { health: { checks: { disk: true } } }],
    message: "`health.checks.disk` to be a function",
  },
  { make: createServer, args: [site, { health: { checks: 5 } }], message: "`health.checks` to be" },
  {
    make: createServer,
    args: [site, { health: { livePath: 5 } }],
    message: "`health` to be paths",
  },
  {
    make: createServer,
    args: [site, { health: "/live" }],
    message: "`health` takes an object of options",
  },
  {
    make: createServer,
    args: [site, { limits: 5 }],
    message: "`limits` takes an object of options",
  },
  { make: createServer, args: [site, { tls: "cert" }], message: "`tls` to be an object" },
  { make: createServer, args: [site, { trustedProxies: 5 }], message: "`trustedProxies` to be" },
  { make: createServer, args: [site, { trustedProxies: null }], message: "`trustedProxies` to be" },
  { make: createServer, args: [site, 8000], message: "`createServer` takes an object of options" },
  { make: createServer, args: [], message: "`application` to be what `application({ … })` makes" },
  { make: createServer, args: [app], message: "`application` to be what `application({ … })`" },
  {
    make: mount,
    args: [site, { prefx: "/live" }],
    message: '`mount` has no option "prefx" (did you mean `prefix`?)',
  },
  { make: mount, args: [site, { health: { checkz: {} } }], message: "did you mean `checks`?" },
  { make: mount, args: [site, { limits: { userkey: 5 } }], message: "did you mean `userKey`?" },
  { make: mount, args: [site, "/live"], message: "`mount` takes an object of options" },
  { make: mount, args: [], message: "`application` to be what `application({ … })` makes" },
];

test.each(refusals)("$make.name refuses, number $#: $message", ({ make, args, message }) => {
  expect(() => Reflect.apply(make, undefined, args)).toThrow(
    expect.objectContaining({
      name: "TidingsError",
      code: "OPTION_INVALID",
      message: expect.stringContaining(message),
    }),
  );
});
