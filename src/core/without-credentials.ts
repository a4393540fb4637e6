/** Returns what may be shown of a URL, or of a list of them: no user and no password. */
export function withoutCredentials(url: string): string {
  return url.replaceAll(/\/\/[^/]*@/g, "//");
}
