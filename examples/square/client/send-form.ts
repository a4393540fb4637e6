/**
 * Sends a form without leaving the page, to the same address as without JavaScript.
 *
 * Returns `null`, or what was wrong in words for the person who filled it in.
 */
export async function sendForm(form: HTMLFormElement): Promise<string | null> {
  try {
    const response = await fetch(form.action, {
      method: "POST",
      body: new FormData(form),
      headers: { accept: "application/json" },
    });
    if (response.ok) return null;
    const body: { readonly error?: { readonly message?: string } } = await response.json();
    return body.error?.message ?? `The server has answered ${response.status}.`;
  } catch {
    // Whatever it was, the person can only do one thing about it.
    return "The server cannot be reached at the moment. What you wrote is still here; try again.";
  }
}

/** Hands the page's forms that name an action to a function, instead of leaving the page. */
export function enhanceForms(handle: (form: HTMLFormElement, action: string) => unknown): void {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || form.dataset["enhance"] === undefined) return;
    event.preventDefault();
    handle(form, form.dataset["enhance"]);
  });
}
