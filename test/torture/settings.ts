/** Long enough that a busy machine does not lose leases by itself, short enough that many are lost in two minutes. */
export const LEASE_MS = 5_000;

/** The task whose runs have keys. */
export const LIMITED = { task: "torture.limited", keys: 4, options: {} } as const;
