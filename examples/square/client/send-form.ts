import type { Topic } from "../topics.ts";

/** Why a form was not accepted. */
export interface Refusal {
  /** In words for the person who filled it in. */
  readonly message: string;
  /** The note as it is now, if somebody has changed it meanwhile. */
  readonly current?: Topic | undefined;
}

/**
 * Sends a form without leaving the page, to the same address as without JavaScript.
 *
 * Returns `null`, or what was wrong.
 */
export async function sendForm(form: HTMLFormElement): Promise<Refusal | null> {
  try {
    const response = await fetch(form.action, {
      method: "POST",
      body: new FormData(form),
      headers: { accept: "application/json" },
    });
    if (response.ok) return null;
    const body: { readonly error?: Partial<Refusal> } = await response.json();
    return { message: `The server has answered ${response.status}.`, ...body.error };
  } catch {
    // Whatever it was, the person can only do one thing about it.
    return {
      message:
        "The server cannot be reached at the moment. What you wrote is still here; try again.",
    };
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
