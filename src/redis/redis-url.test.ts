import { describe, expect, test } from "vitest";

import { parseRedisUrl, parseRedisUrls } from "./redis-url.ts";

const server = { kind: "server", isTls: false, database: 0 } as const;

describe("parseRedisUrl", () => {
  test.each([
    ["redis://localhost", { ...server, addresses: [{ host: "localhost", port: 6379 }] }],
    ["redis://localhost/", { ...server, addresses: [{ host: "localhost", port: 6379 }] }],
    [
      "redis://10.0.0.1:7/3",
      { ...server, database: 3, addresses: [{ host: "10.0.0.1", port: 7 }] },
    ],
    ["rediss://a-b.c_d:1", { ...server, isTls: true, addresses: [{ host: "a-b.c_d", port: 1 }] }],
    ["redis://[::1]:7000", { ...server, addresses: [{ host: "::1", port: 7000 }] }],
    ["redis://[fe80::1]", { ...server, addresses: [{ host: "fe80::1", port: 6379 }] }],
    [
      "redis://bob:p%40ss%2Fw%C3%B6rd:x@h",
      {
        ...server,
        addresses: [{ host: "h", port: 6379 }],
        username: "bob",
        password: "p@ss/wörd:x",
      },
    ],
    [
      "redis://:secret@h",
      { ...server, addresses: [{ host: "h", port: 6379 }], password: "secret" },
    ],
    ["redis://bob@h", { ...server, addresses: [{ host: "h", port: 6379 }], username: "bob" }],
    [
      "redis://:at@sign@h",
      { ...server, addresses: [{ host: "h", port: 6379 }], password: "at@sign" },
    ],
    [
      "rediss+sentinel://:pw@s1,[::2]:5,s3:7/2?master=my%20master",
      {
        kind: "sentinel",
        isTls: true,
        addresses: [
          { host: "s1", port: 26_379 },
          { host: "::2", port: 5 },
          { host: "s3", port: 7 },
        ],
        database: 2,
        master: "my master",
        password: "pw",
      },
    ],
    [
      "redis+cluster://n1:7000,n2",
      {
        kind: "cluster",
        isTls: false,
        addresses: [
          { host: "n1", port: 7000 },
          { host: "n2", port: 6379 },
        ],
        database: 0,
      },
    ],
  ])("reads %s", (url, expected) => {
    expect(parseRedisUrl(url)).toEqual(expected);
  });

  test.each([
    ["", "expected one of the schemes redis:, rediss:"],
    ["http://h", "expected one of the schemes"],
    ["redis:h", "expected one of the schemes"],
    ["redis+queue://h", "expected one of the schemes"],
    ["redis+sentinel+cluster://h", "expected one of the schemes"],
    ["redis://", "a host is missing"],
    ["redis://:secret@", "a host is missing"],
    ["redis://a,b", "several hosts, which only +sentinel and +cluster take"],
    ["redis+cluster://a,,b", "a host is missing"],
    ["redis://h:0", "a port is not between 1 and 65535"],
    ["redis://h:65536", "a port is not between 1 and 65535"],
    ["redis://h:port", "a host is not like"],
    ["redis://::1", "a host is not like"],
    ["redis://h o", "a host is not like"],
    ["redis://h/one", "the database after the host is not a number"],
    ["redis+cluster://h/1", "a cluster has only 0"],
    ["redis+sentinel://h", "sentinels need the name of the master"],
    ["redis+sentinel://h?master=", "sentinels need the name of the master"],
    ["redis://h?master=a", "unknown parameter `master`"],
    ["redis://h?password=secret", "unknown parameter `password`"],
    ["redis://u:sec%ret@h", "the user or password is not percent-encoded"],
    ["redis://u:secret/x@h", "a host is not like"],
    ["redis://u:secret@h:no", "a host is not like"],
  ])("refuses %j", (url, message) => {
    const read = (): unknown => parseRedisUrl(url);
    expect(read).toThrow(`invalid Redis URL: `);
    expect(read).toThrow(message);
    expect(read).not.toThrow(/sec|:\/\/u/);
  });
});

describe("parseRedisUrls", () => {
  test("reads servers that stand in for each other, and a single URL", () => {
    const hosts = (urls: string): readonly (string | undefined)[] =>
      parseRedisUrls(urls).map(({ addresses: [address] }) => address?.host);
    expect(hosts("redis://a/1;rediss://:p;w@b:7/1")).toEqual(["a", "b"]);
    expect(hosts("redis+sentinel://s/0?master=m")).toEqual(["s"]);
  });

  test.each([
    ["redis://a/1;redis://b/2", "name different databases"],
    ["redis://a;redis+cluster://b", "takes servers only"],
    ["redis://a;http://b", "expected one of the schemes"],
  ])("refuses %s", (urls, reason) => {
    expect(() => parseRedisUrls(urls)).toThrow(reason);
  });
});
