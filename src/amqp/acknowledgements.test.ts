import { describe, expect, test } from "vitest";

import { Acknowledgements } from "./acknowledgements.ts";

function withOpen(count: number) {
  const said: [tag: number, allUpTo: boolean][] = [];
  const acknowledgements = new Acknowledgements((tag, allUpTo) => said.push([tag, allUpTo]));
  for (let tag = 1; tag <= count; tag++) acknowledgements.add(tag);
  return { acknowledgements, said };
}

describe("Acknowledgements", () => {
  test("says at the end of a tick, in one, what is done and has nothing older before it", async () => {
    const { acknowledgements, said } = withOpen(4);
    for (const tag of [2, 3, 1]) acknowledgements.acknowledge(tag);
    expect(said).toEqual([]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(said).toEqual([[3, true]]);
  });

  test("says one by one what is newer than something that is not done", () => {
    const { acknowledgements, said } = withOpen(5);
    for (const tag of [1, 3, 5]) acknowledgements.acknowledge(tag);
    acknowledgements.flush();
    expect(said).toEqual([
      [3, false],
      [5, false],
      [1, true],
    ]);
  });

  test("names nothing twice, and nothing that was given back", () => {
    const { acknowledgements, said } = withOpen(3);
    acknowledgements.acknowledge(2);
    acknowledgements.flush();
    acknowledgements.remove(3);
    acknowledgements.acknowledge(1);
    acknowledgements.flush();
    acknowledgements.flush();
    expect(said).toEqual([
      [2, false],
      [1, true],
    ]);
  });
});
