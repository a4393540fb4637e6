import { Hono } from "hono";

import { app } from "../app.ts";
import { countAttempt, forgetAttempts } from "../attempts.ts";
import type { Env } from "../env.ts";
import { safePath } from "../safe-path.ts";
import { sessionGroup, sessions } from "../sessions.ts";
import { checkPassword, DEMO_ACCOUNTS, DEMO_PASSWORD } from "../users.ts";
import { Face } from "../views/face.tsx";
import { page } from "./page.tsx";
import { readFields } from "./read-fields.ts";

/** Longer ones are not worth hashing. */
const MAX_FIELD = 200;

/** Signing in and out. */
export const signIn: Hono<Env> = new Hono<Env>();

signIn.get("/sign-in", (context) => {
  const next = safePath(context.req.query("next"));
  return page(context, { title: "Sign in" }, <SignIn next={next} name="" problem={null} />);
});

signIn.post("/sign-in", async (context) => {
  const fields = await readFields(context);
  const field = (name: string): string => fields(name).slice(0, MAX_FIELD);
  const next = safePath(field("next"));
  const name = field("name").trim();
  const again = (status: 422 | 429, problem: string): Promise<Response> =>
    page(
      context,
      { title: "Sign in", status },
      <SignIn next={next} name={name} problem={problem} />,
    );

  const claimant = { name, address: addressOf(context.req.raw) };
  if (!countAttempt(claimant)) {
    return again(429, "Too many wrong passwords. Try again in a minute.");
  }
  const user = await checkPassword(name, field("password"));
  if (!user) return again(422, "No account has this name and password.");
  forgetAttempts(claimant);
  const { setCookie } = await sessions.create({ userId: user.id });
  context.header("set-cookie", setCookie);
  return context.redirect(next, 303);
});

signIn.post("/sign-out", async (context) => {
  const session = await sessions.load(context.req.raw);
  context.header("set-cookie", await sessions.destroy(context.req.raw));
  // Tabs that are still in the chat leave it now.
  if (session) await app.layer.groupSend(sessionGroup(session), { type: "session.ended" });
  return context.redirect("/", 303);
});

/** Where a request comes from, which the server adds to it; behind a proxy, the proxy. */
function addressOf(request: Request): string {
  return "ip" in request && typeof request.ip === "string" ? request.ip : "";
}

interface SignInProps {
  readonly next: string;
  readonly name: string;
  readonly problem: string | null;
}

function SignIn({ next, name, problem }: SignInProps) {
  return (
    <div class="sign-in">
      <div class="page-head">
        <h1>Sign in</h1>
        <p>
          The square needs to know who speaks. It starts with three accounts; pick one, and another
          in a second browser.
        </p>
      </div>
      {problem === null ? null : (
        <p class="problem" role="alert" id="problem">
          {problem}
        </p>
      )}
      <section class="accounts" aria-labelledby="accounts-title">
        <h2 id="accounts-title">Demo accounts</h2>
        <ul>
          {DEMO_ACCOUNTS.map((account) => (
            <li>
              <form method="post" action="/sign-in">
                <input type="hidden" name="next" value={next} />
                <input type="hidden" name="name" value={account.name} />
                <input type="hidden" name="password" value={DEMO_PASSWORD} />
                <button class="account" type="submit">
                  <Face name={account.name} />
                  <span>
                    Sign in as <strong>{account.name}</strong>
                  </span>
                  {account.staff ? <span class="tag tag-accent">staff</span> : null}
                </button>
              </form>
            </li>
          ))}
        </ul>
        <p class="hint">
          Their password is <code>{DEMO_PASSWORD}</code>.
        </p>
      </section>
      <section class="card" aria-labelledby="name-title">
        <h2 id="name-title">Name and password</h2>
        <form class="form" method="post" action="/sign-in">
          <input type="hidden" name="next" value={next} />
          <div class="field">
            <label for="name">Name</label>
            <input
              class="input"
              id="name"
              name="name"
              value={name}
              required
              maxlength={50}
              autocomplete="username"
              autocapitalize="none"
              aria-invalid={problem === null ? undefined : "true"}
              aria-describedby={problem === null ? undefined : "problem"}
            />
          </div>
          <div class="field">
            <label for="password">Password</label>
            <input
              class="input"
              id="password"
              name="password"
              type="password"
              required
              maxlength={MAX_FIELD}
              autocomplete="current-password"
            />
          </div>
          <button class="button" type="submit">
            Sign in
          </button>
        </form>
      </section>
    </div>
  );
}
