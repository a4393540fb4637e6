import { describe, expect, test } from "vitest";

import { connectFeeds } from "./connect-feeds.ts";
import { connect } from "./connect.ts";
import { followShared } from "./follow-shared.ts";
import { followTask } from "./follow-task.ts";
import { follow } from "./follow.ts";

const URL = "http://127.0.0.1:1/";
/** What somebody writes without types. */
const untyped = (text: string): object => JSON.parse(text);

describe("what is wrong with options is said at once", () => {
  test.each([
    ['{"transports":"sse"}', "there is no option `transports`, only transport, "],
    ['{"onstatus":1}', "there is no option `onstatus`"],
    ['{"token":"s3cret"}', "expected `token` of type function, got string"],
    ['{"transport":1}', "expected `transport` of type string or object, got number"],
    ['{"transport":"pigeon"}', "expected `transport` to be some of websocket"],
    ['{"transport":null}', "expected `transport` of type string or object, got null"],
    ['{"pollMs":"5"}', "expected `pollMs` of type number, got string"],
  ])("%s", (options, message) => {
    const given = untyped(options);
    const refused = { code: "OPTION_INVALID", message: expect.stringContaining(message) };
    for (const begin of [
      () => connect(URL, given),
      () => connectFeeds(URL, given),
      () => follow(URL, given),
      () => followShared(URL, given),
      () => followTask("7", { address: URL, ...given }),
    ]) {
      expect(begin).toThrow(expect.objectContaining(refused));
    }
  });

  test.each([
    ['{"queue":20}', "expected `queue` of type object, got number"],
    ['{"signal":1}', "expected `signal` of type object, got number"],
    ['{"cursor":"a.1"}', "there is no option `cursor`"],
    ['{"plain":"yes"}', "expected `plain` of type boolean, got string"],
  ])("connect: %s", (options, message) => {
    expect(() => connect(URL, untyped(options))).toThrow(message);
  });

  test.each([
    ['{"cursor":null}', "expected `cursor` of type string, got null"],
    ['{"queue":{}}', "there is no option `queue`"],
    ['{"maxBuffered":"9"}', "expected `maxBuffered` of type number, got string"],
    ['{"over":"/feeds"}', "expected `over` of type object, got string"],
  ])("follow: %s", (options, message) => {
    expect(() => follow(URL, untyped(options))).toThrow(message);
  });

  test("what is undefined is not given", () => {
    const options = Object.fromEntries([["transports", undefined]]);
    expect(() => follow(URL, options)).not.toThrow();
  });
});
