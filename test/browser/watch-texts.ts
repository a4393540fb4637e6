import type { Locator } from "playwright-core";

/** Notes every text of an element from here on, however short it is shown; returns what reads them. */
export async function watchTexts(locator: Locator): Promise<() => Promise<readonly string[]>> {
  const seen = await locator.evaluateHandle((element) => {
    const texts: string[] = [];
    new MutationObserver(() => texts.push(element.textContent)).observe(element, {
      characterData: true,
      childList: true,
      subtree: true,
    });
    return texts;
  });
  return async () => await seen.jsonValue();
}
