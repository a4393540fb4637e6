/**
 * Where an application says what its users are.
 *
 * @example
 * declare module "tidings" {
 *   interface Register {
 *     user: { readonly id: number; readonly name: string; readonly staff: boolean };
 *   }
 * }
 */
export interface Register {}

/** Who is at the other end, as {@link Register} says; without it, anything with a name. */
export type User = Register extends { user: infer TUser } ? TUser : { readonly name: string };
