/** Sees from their numbers whether events are missing, or come again. */
export class Sequence {
  #last: number | undefined;
  lost = 0;
  repeated = 0;

  see(number: number): void {
    const next = this.#last === undefined ? number : this.#last + 1;
    if (number < next) this.repeated += 1;
    else this.lost += number - next;
    this.#last = Math.max(number, this.#last ?? number);
  }

  /** The server has told that it cannot go on: what comes next follows nothing. */
  reset(): void {
    this.#last = undefined;
  }
}
