/** The kinds of jobs that can be started. */
export const JOB_KINDS = ["paper", "primes", "letter"] as const;
export type JobKind = (typeof JOB_KINDS)[number];

/** What people read about each kind. */
export const JOB_TEXTS: Readonly<
  Record<JobKind, { readonly title: string; readonly about: string }>
> = {
  paper: {
    title: "Print the weekly paper",
    about:
      "Eight steps over twenty seconds, with progress and a log. Try closing this page meanwhile.",
  },
  primes: {
    title: "Count primes",
    about:
      "All of one core for several seconds, in a thread of its own. Nothing else on the square slows down.",
  },
  letter: {
    title: "Deliver a letter",
    about:
      "Nobody is at home twice. It is tried again, each time after a longer wait, and arrives.",
  },
};
