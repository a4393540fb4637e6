import { expect, test } from "vitest";

import { explain } from "./explain.ts";
import { loadApplication } from "./load-application.ts";

test.each(["./nope.ts", "./src"])("says in one line that there is no file %s", async (path) => {
  const error: unknown = await loadApplication(path).catch((thrown: unknown) => thrown);
  expect(explain(error)).toBe(
    `tidings: there is no file ${process.cwd()}${path.slice(1)}; expected a MODULE, whose default export is \`application({ … })\` [APP_LOAD_FAILED]`,
  );
});
