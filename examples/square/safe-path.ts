/** Returns a path of this site to go on to, or `/` for anything that leads elsewhere. */
export function safePath(next: string | undefined): string {
  const here = "http://square.invalid";
  if (!next?.startsWith("/") || !URL.canParse(next, here)) return "/";
  // The URL parser decides as a browser does: `//elsewhere` and `/\elsewhere` have another origin.
  const url = new URL(next, here);
  return url.origin === here ? url.pathname + url.search : "/";
}
