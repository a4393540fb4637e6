import type { Child } from "hono/jsx";

import type { User } from "../users.ts";
import { Face } from "../views/face.tsx";
import { Mark } from "../views/icons.tsx";

/** What a page's frame shows. */
export interface FrameProps {
  readonly title: string;
  readonly user: User | null;
  readonly path: string;
  readonly style: string;
  readonly script: string | undefined;
  readonly state: unknown;
  readonly children: Child;
}

const PLACES = [
  { href: "/chat", name: "Chat" },
  { href: "/board", name: "Board" },
  { href: "/deliveries", name: "Deliveries" },
  { href: "/jobs", name: "Jobs" },
] as const;

/** The document around every page: head, bar, content, foot. */
export function Frame({ title, user, path, style, script, state, children }: FrameProps) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>{title === "The square" ? title : `${title} · The square`}</title>
        <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href={style} />
        {script === undefined ? null : <script type="module" src={script} />}
      </head>
      <body>
        <a class="skip" href="#content">
          Skip to the content
        </a>
        <header class="bar">
          <div class="bar-inner">
            <a class="brand" href="/" aria-current={path === "/" ? "page" : undefined}>
              <Mark />
              The square
            </a>
            <nav class="nav" aria-label="Places">
              <ul>
                {PLACES.map(({ href, name }) => (
                  <li>
                    <a href={href} aria-current={path.startsWith(href) ? "page" : undefined}>
                      {name}
                    </a>
                  </li>
                ))}
              </ul>
            </nav>
            <Who user={user} path={path} />
          </div>
        </header>
        <main class="page" id="content" tabindex={-1}>
          {children}
        </main>
        <footer class="foot">
          <div class="foot-inner">
            <p>One process for pages and connections, one for jobs, two SQLite files.</p>
            <p>Built with Tidings.</p>
          </div>
        </footer>
        {state === undefined ? null : <State state={state} />}
      </body>
    </html>
  );
}

function Who({ user, path }: { readonly user: User | null; readonly path: string }) {
  if (!user) {
    const back = path.startsWith("/sign-in") ? "/" : path;
    return (
      <div class="who">
        <a
          class="button button-quiet button-small"
          href={`/sign-in?next=${encodeURIComponent(back)}`}
        >
          Sign in
        </a>
      </div>
    );
  }
  return (
    <form class="who" method="post" action="/sign-out">
      <span class="who-name">
        <Face name={user.name} />
        <span class="who-text">{user.name}</span>
        {user.staff ? <span class="tag tag-accent">staff</span> : null}
      </span>
      <button class="button button-quiet button-small" type="submit">
        Sign out
      </button>
    </form>
  );
}

/** Data for the page's script. A block of JSON runs nothing; `<` is escaped so that it cannot end it. */
function State({ state }: { readonly state: unknown }) {
  const json = JSON.stringify(state).replaceAll("<", String.raw`\u003c`);
  return <script type="application/json" id="state" dangerouslySetInnerHTML={{ __html: json }} />;
}
