/** Waits for a condition that something under way will fulfil; at most thirty seconds. */
export async function eventually(condition: () => unknown): Promise<void> {
  const limit = Date.now() + 30_000;
  while (!(await condition())) {
    if (Date.now() > limit) throw new Error("the condition did not come true within 30 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
