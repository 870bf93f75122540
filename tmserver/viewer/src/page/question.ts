/** Asks before something is done that cannot be undone. */

import { element } from './dom';

/** Whether the user agrees; `action` is what the button says that does it. */
export function ask(question: string, detail: string, action: string): Promise<boolean> {
  const yes = element('button', { class: 'primary', value: 'yes', 'data-testid': 'confirm' }, action);
  const no = element('button', { value: 'no', autofocus: true, 'data-testid': 'decline' }, 'Cancel');
  const dialog = element(
    'dialog',
    { class: 'question', 'aria-label': question },
    element(
      'form',
      { method: 'dialog' },
      element('h1', {}, question),
      element('p', { class: 'hint' }, detail),
      element('div', { class: 'row end' }, no, yes),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(dialog.returnValue === 'yes');
    });
  });
}
