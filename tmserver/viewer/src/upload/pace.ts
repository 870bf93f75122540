/** How fast something goes, by what was there at moments of the last seconds. */

const SECONDS = 10;
/** From less nobody can tell. */
const FEWEST_SECONDS = 1;

export class Pace {
  private readonly notes: { readonly bytes: number; readonly second: number }[] = [];

  note(bytes: number, second: number): void {
    this.notes.push({ bytes, second });
    while (this.notes.length > 2 && second - (this.notes[0]?.second ?? second) > SECONDS) {
      this.notes.shift();
    }
  }

  /** Null while nobody can tell, or nothing moves. */
  get bytesPerSecond(): number | null {
    const [first, last] = [this.notes[0], this.notes.at(-1)];
    if (first === undefined || last === undefined) return null;
    const seconds = last.second - first.second;
    const bytes = last.bytes - first.bytes;
    return seconds < FEWEST_SECONDS || bytes <= 0 ? null : bytes / seconds;
  }
}
