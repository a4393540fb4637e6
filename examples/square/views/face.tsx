const FACES = 6;

/** A person's letter on their colour. Says nothing to a screen reader: the name stands beside it. */
export function Face({ name }: { readonly name: string }) {
  return (
    <span class={`face face-${faceOf(name)}`} aria-hidden="true">
      {name.slice(0, 1)}
    </span>
  );
}

/** The same colour for the same name, always. */
function faceOf(name: string): number {
  let sum = 0;
  for (const letter of name.toLowerCase()) sum = (sum * 20 + (letter.codePointAt(0) ?? 0)) % 9973;
  return sum % FACES;
}
