/** What is known of one browser, from when it was created until it ends. */
export interface Session<TData> {
  /**
   * Names the session without opening it: fit for the name of a group, for a log, for a list of devices.
   *
   * `rotate` gives it another.
   */
  readonly key: string;
  readonly data: TData;
  /** In milliseconds since 1970. */
  readonly createdAt: number;
  /** When it ends if nobody uses it, in milliseconds since 1970. */
  readonly expiresAt: number;
  /** When it must have been loaded again to go on: somewhere before its end, or that. */
  readonly refreshAt: number;
}

/** A session, and the `Set-Cookie` value with which the browser gets it. */
export interface IssuedSession<TData> {
  readonly session: Session<TData>;
  readonly setCookie: string;
}

/** Creates, finds and ends sessions. Every `setCookie` goes into the answer to the browser. */
export interface Sessions<TData> extends AsyncDisposable {
  /** Starts a session with a new id. Do so at every sign-in, so that nobody knows it beforehand. */
  create(data: TData): Promise<IssuedSession<TData>>;
  /** The session of a request; `null` when it has none that holds. Using one postpones its end. */
  load(request: Request): Promise<Session<TData> | null>;
  /** Stores other data; `null` when the session has ended meanwhile. */
  save(session: Session<TData>, data: TData): Promise<IssuedSession<TData> | null>;
  /**
   * Gives a session another id and, if given, other data: whenever somebody comes to be allowed more.
   *
   * The old id opens nothing any more. `null` when the session has ended meanwhile.
   */
  rotate(session: Session<TData>, data?: TData): Promise<IssuedSession<TData> | null>;
  /** Ends the session of a request, or the one of a key; returns the `Set-Cookie` value that clears it. */
  destroy(target: Request | Pick<Session<TData>, "key">): Promise<string>;
  /** Lets go of what is open; sessions stay where they are. */
  close(): Promise<void>;
}
