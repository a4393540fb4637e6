import { Redis as Ioredis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import {
  openLayer,
  parseLayerSettings,
  RedisLayer,
  type ChannelLayer,
  type LayerSettings,
} from "../../src/layers/index.ts";
import { fromIoredis, openRedis, type Redis } from "../../src/redis/index.ts";
import { layerCasesFor, type LayerCaseOptions, type LayerDriver } from "../../src/testing/index.ts";
import { freePort } from "../free-port.ts";
import { Certificate } from "./certificate.ts";
import { RedisCluster } from "./redis-cluster.ts";
import { RedisSentinel } from "./redis-sentinel.ts";
import { RedisServer } from "./redis-server.ts";

const channelName = /^asgispecific\.[\da-f]{32}$/;
const lacks = ["hold-unread", "refuse-full"] as const;

/** What `openLayer` opens, with the clock of a case if it has one. */
function openAt({ now, ...bounds }: LayerCaseOptions, settings: LayerSettings): ChannelLayer {
  if (!now) return openLayer({ ...settings, ...bounds });
  const { client, urls, ...options } = parseLayerSettings({ ...settings, ...bounds });
  const [first = "", ...others] = urls;
  const open = (url: string): Redis =>
    client ? fromIoredis(client, options) : openRedis({ ...options, url });
  return new RedisLayer([open(first), ...others.map(open)], { ...options, now });
}

/** A Redis in some shape, and the settings that lead to it. */
interface Place {
  readonly name: string;
  readonly lacks?: LayerDriver["lacks"];
  readonly open: (stack: AsyncDisposableStack) => Promise<LayerSettings>;
}

const places: readonly Place[] = [
  {
    name: "a server",
    open: async (stack) => ({ url: stack.use(await RedisServer.start()).url }),
  },
  {
    name: "a server, in JSON",
    lacks: ["bytes"],
    open: async (stack) => ({
      url: `${stack.use(await RedisServer.start()).url}?serializerFormat=json`,
    }),
  },
  {
    name: "a server, encrypted",
    open: async (stack) => ({
      url: stack.use(await RedisServer.start()).url,
      symmetricEncryptionKeys: ["new", "old"],
    }),
  },
  {
    name: "two hosts",
    open: async (stack) => {
      const servers = [await RedisServer.start(), await RedisServer.start()];
      return { url: servers.map((server) => stack.use(server).url) };
    },
  },
  {
    name: "sentinels",
    open: async (stack) => ({ url: stack.use(await RedisSentinel.start()).url }),
  },
  {
    name: "a cluster",
    open: async (stack) => ({ url: stack.use(await RedisCluster.start()).url }),
  },
  {
    name: "a server with TLS, for a user with a password",
    open: async (stack) => {
      const { certFile, keyFile, pem } = stack.use(new Certificate());
      const port = await freePort();
      const files = ["--tls-cert-file", certFile, "--tls-key-file", keyFile];
      const tls = ["--port", "0", "--tls-port", String(port), "--tls-auth-clients", "no", ...files];
      const bob = ["--user", "bob", "on", ">p@ss/word", "allchannels", "allcommands"];
      const users = [...bob, "--user", "default", "off"];
      stack.use(await RedisServer.start([...tls, "--tls-ca-cert-file", certFile, ...users], port));
      return { url: `rediss://bob:p%40ss%2Fword@127.0.0.1:${port}`, tls: { ca: pem } };
    },
  },
  {
    name: "an ioredis client",
    open: async (stack) => {
      const { port } = stack.use(await RedisServer.start(["--requirepass", "secret"]));
      const client = new Ioredis({ port, password: "secret", keyPrefix: "x:", lazyConnect: true });
      stack.defer(() => client.disconnect());
      return { client };
    },
  },
];

describe.each(places)("RedisLayer on $name", ({ open, ...place }) => {
  const stack = new AsyncDisposableStack();
  let settings: LayerSettings = {};
  const driver: LayerDriver = {
    make: (options = {}) => openAt(options, settings),
    channelName,
    lacks: [...lacks, ...(place.lacks ?? [])],
  };

  beforeAll(async () => {
    settings = await open(stack);
  });
  afterAll(() => stack.disposeAsync());

  for (const { name, run } of layerCasesFor(driver)) {
    test(name, () => expect(run(driver)).resolves.toBeUndefined());
  }
});
