/** What was typed on the page on show and is lost when the page is left. */

import { ask } from './question';

const guarded = new Set<Unsaved>();
let isAsking = false;

/** Something that is edited, and whether it is stored as it is on the page. */
export class Unsaved {
  private stored: string;

  /** `present` gives what is on the page, which is what is stored when the editing begins. */
  constructor(private readonly present: () => unknown) {
    this.stored = this.text();
  }

  get isChanged(): boolean {
    return this.text() !== this.stored;
  }

  /** Notes what is sent to be stored; to be called back when it is, as somebody may type meanwhile. */
  sent(): () => void {
    const text = this.text();
    return () => {
      this.stored = text;
    };
  }

  /** Lets nobody leave without a warning, until what is returned is called. */
  guard(): () => void {
    guarded.add(this);
    return () => guarded.delete(this);
  }

  private text(): string {
    return JSON.stringify(this.present());
  }
}

export function isUnsaved(): boolean {
  return [...guarded].some(({ isChanged }) => isChanged);
}

/** Leaves the page, unless the user wants to stay with what is not saved. */
export function leave(go: () => void, stay: () => void = () => undefined): void {
  // at once where nobody has to be asked
  if (!isUnsaved()) {
    go();
    return;
  }
  if (isAsking) return;
  isAsking = true;
  const detail = 'What you have changed on it is not saved, and is lost.';
  void ask('Leave the page?', detail, 'Leave').then((isLeft) => {
    isAsking = false;
    if (isLeft) go();
    else stay();
  });
}

/** Lets the browser warn before it closes the page, or loads another one in its place. */
export function warnOnUnload(): void {
  window.addEventListener('beforeunload', (event) => {
    if (isUnsaved()) event.preventDefault();
  });
}
