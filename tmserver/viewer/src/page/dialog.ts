/** A window within the page, above everything else until it is closed. */

import { element } from './dom';

export function openDialog(
  title: string,
  testId: string,
  onClose: () => void,
  ...children: HTMLElement[]
): HTMLDialogElement {
  const close = element(
    'button',
    { class: 'small', type: 'button', 'data-testid': `${testId}-close`, 'aria-label': 'Close' },
    '×',
  );
  const made = element(
    'dialog',
    { class: 'dialog', 'data-testid': testId, 'aria-label': title },
    element('header', { class: 'row' }, element('h1', { class: 'grow' }, title), close),
    ...children,
  );
  close.addEventListener('click', () => {
    made.close();
  });
  made.addEventListener('close', () => {
    onClose();
    made.remove();
  });
  document.body.append(made);
  made.showModal();
  return made;
}
