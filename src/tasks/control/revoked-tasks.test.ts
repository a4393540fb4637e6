import { expect, test } from "vitest";

import type { ControlRequest } from "./control-channel.ts";
import { MemoryControl } from "./memory.ts";
import { RevokedTasks, type RevokedStore } from "./revoked-tasks.ts";

/** A channel that knows how many listen. */
class CountedControl extends MemoryControl {
  listening = 0;

  override async listen(listener: (request: ControlRequest) => void): Promise<() => void> {
    const leave = await super.listen(listener);
    this.listening++;
    return () => {
      this.listening--;
      leave();
    };
  }
}

const emptyStore: RevokedStore = {
  load: async () => [],
  keep: async () => undefined,
  onGap: () => () => undefined,
};

test("what cannot be read at the start leaves nobody listening, and is read when it is asked for again", async () => {
  const control = new CountedControl();
  let failures = 2;
  const load = async (): Promise<readonly string[]> => {
    if (failures-- > 0) throw new Error("out of reach");
    return ["revoked"];
  };
  const revoked = new RevokedTasks(control, { now: Date.now, store: { ...emptyStore, load } });
  await expect(revoked.start()).rejects.toThrow("out of reach");
  await expect(revoked.start()).rejects.toThrow("out of reach");
  expect(control.listening).toBe(0);
  await revoked.start();
  expect(control.listening).toBe(1);
  expect(revoked.has("revoked")).toBe(true);
  revoked.close();
  expect(control.listening).toBe(0);
});

test("who is closed while it starts is left with nobody who listens", async () => {
  const control = new CountedControl();
  const revoked = new RevokedTasks(control, { now: Date.now, store: emptyStore });
  const started = revoked.start();
  revoked.close();
  await started;
  expect(control.listening).toBe(0);
});
