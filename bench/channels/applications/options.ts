/** What the application under load is told. */
export interface ApplicationOptions {
  /** Groups go through this Redis; without it they stay in the process. */
  readonly redisUrl: string | undefined;
}
