/** A message over the map that does not get in the way, with a way out. */

import { element } from './dom';

export class Notice {
  private readonly text = element('span');
  readonly element: HTMLElement;

  constructor(retry: () => void) {
    this.element = element(
      'div',
      { class: 'notice', role: 'alert', hidden: true, 'data-testid': 'notice' },
      this.text,
      element(
        'button',
        {
          class: 'small',
          onclick: () => {
            this.hide();
            retry();
          },
        },
        'Try again',
      ),
      element(
        'button',
        {
          class: 'small',
          'aria-label': 'Close the message',
          onclick: () => {
            this.hide();
          },
        },
        '×',
      ),
    );
  }

  show(message: string): void {
    this.text.textContent = message;
    this.element.hidden = false;
  }

  private hide(): void {
    this.element.hidden = true;
  }
}
