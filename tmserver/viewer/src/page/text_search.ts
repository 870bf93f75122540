/** Finds a text in others that are on show, marks it and goes from one place to the next. */

import { element } from './dom';

const MOST_MARKS = 1000;

/** Where a text is found in another, upper and lower case alike, as starts in order. */
export function findAll(text: string, wanted: string, limit = MOST_MARKS): number[] {
  const places: number[] = [];
  if (wanted === '') return places;
  // where the lower case is longer, as in some scripts, places in it would be others
  const isFaithful = text.toLowerCase().length === text.length;
  const [where, what] = isFaithful ? [text.toLowerCase(), wanted.toLowerCase()] : [text, wanted];
  let place = where.indexOf(what);
  while (place >= 0 && places.length < limit) {
    places.push(place);
    place = where.indexOf(what, place + what.length);
  }
  return places;
}

export class TextSearch {
  readonly element: HTMLElement;
  private readonly input = element('input', {
    type: 'search',
    placeholder: 'Search',
    'aria-label': 'Search in the log',
    'data-testid': 'log-search',
  });
  private readonly count = element('span', {
    class: 'hint',
    role: 'status',
    'data-testid': 'log-found',
  });
  private marks: HTMLElement[] = [];
  private current = 0;

  /** Searches texts, which scroll within `body`. */
  constructor(
    private readonly body: HTMLElement,
    private readonly texts: readonly HTMLElement[],
  ) {
    this.input.addEventListener('input', () => {
      this.current = 0;
      this.refresh();
      this.go(0);
    });
    this.input.addEventListener('keydown', (event) => {
      if (event.key === 'Enter') this.go(event.shiftKey ? -1 : 1);
    });
    this.element = element(
      'div',
      { class: 'row search' },
      this.input,
      this.button('Previous', '↑', -1),
      this.button('Next', '↓', 1),
      this.count,
    );
  }

  /** Marks anew, after the texts have changed. */
  refresh(): void {
    const wanted = this.input.value;
    if (wanted === '' && this.marks.length === 0) {
      this.count.textContent = '';
      return;
    }
    this.marks = [];
    for (const holder of this.texts) this.mark(holder, wanted);
    this.tell();
  }

  private mark(holder: HTMLElement, wanted: string): void {
    const text = holder.textContent;
    const parts: (Node | string)[] = [];
    let end = 0;
    for (const place of findAll(text, wanted, MOST_MARKS - this.marks.length)) {
      const mark = element('mark', {}, text.slice(place, place + wanted.length));
      parts.push(text.slice(end, place), mark);
      this.marks.push(mark);
      end = place + wanted.length;
    }
    holder.replaceChildren(...parts, text.slice(end));
  }

  private button(label: string, sign: string, step: number): HTMLElement {
    return element(
      'button',
      {
        class: 'small',
        'aria-label': `${label} place`,
        onclick: () => {
          this.go(step);
        },
      },
      sign,
    );
  }

  private go(step: number): void {
    const n = this.marks.length;
    if (n === 0) return;
    this.marks[this.current]?.classList.remove('current');
    this.current = (this.current + step + n) % n;
    const mark = this.marks[this.current];
    mark?.classList.add('current');
    if (mark !== undefined) {
      this.body.scrollTop = mark.offsetTop - this.body.offsetTop - this.body.clientHeight / 2;
    }
    this.tell();
  }

  private tell(): void {
    const n = this.marks.length;
    this.current = Math.min(this.current, Math.max(0, n - 1));
    const many = n >= MOST_MARKS ? '+' : '';
    if (this.input.value === '') this.count.textContent = '';
    else this.count.textContent = n === 0 ? 'not found' : `${this.current + 1} of ${n}${many}`;
  }
}
