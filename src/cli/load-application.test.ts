import { expect, test } from "vitest";

import { explain } from "./explain.ts";
import { loadApplication } from "./load-application.ts";

test.each([
  ["./nope.ts", `there is no file ${process.cwd()}/nope.ts`],
  ["./src", `${process.cwd()}/src is no file`],
])("says in one line what is wrong with the path %s", async (path, wrong) => {
  const error: unknown = await loadApplication(path).catch((thrown: unknown) => thrown);
  expect(explain(error)).toBe(
    `tidings: ${wrong}; expected a MODULE, whose default export is \`application({ … })\` [APP_LOAD_FAILED]`,
  );
});
