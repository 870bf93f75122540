/** What was done to the wells of a plate as one table: saved, loaded from a file, edited, pasted. */

import type { Api } from '../api';
import { messageOf } from '../api';
import { openDialog } from '../page/dialog';
import { element } from '../page/dom';

/** Keeps a table, or throws the reason why it cannot. */
export type StoreTable = (table: Blob) => Promise<void>;

/** The row below the wells: `draw` lets the wells themselves be clicked, `report` gets what went wrong. */
export function conditionTableRow(
  api: Api,
  path: string,
  store: StoreTable,
  draw: (table: string) => void,
  report: (message: string) => void,
): HTMLElement {
  const fail = (error: unknown) => {
    report(messageOf(error));
  };
  const file = element('input', { type: 'file', accept: '.csv,.tsv,.txt,text/csv', 'data-testid': 'conditions-file' });
  file.addEventListener('change', () => {
    const [chosen] = file.files ?? [];
    if (chosen !== undefined) store(chosen).catch(fail);
    file.value = '';
  });
  const withTable = (text: string, testId: string, use: (table: string) => void) => {
    const button = element('button', { class: 'small', type: 'button', 'data-testid': testId }, text);
    button.addEventListener('click', () => {
      api.bytes(path).then((content) => {
        use(new TextDecoder().decode(content));
      }, fail);
    });
    return button;
  };
  return element(
    'div',
    { class: 'row plate-map' },
    element('span', { class: 'hint' }, 'Plate map'),
    withTable('Draw …', 'conditions-draw', draw),
    withTable('Edit …', 'conditions-edit', (table) => {
      openTable(table, store);
    }),
    element('label', { class: 'button small' }, file, 'Load …'),
    element('a', { class: 'button small', href: path, download: true, 'data-testid': 'conditions-save' }, 'Download'),
  );
}

/** A window with the table as text, in which one from a spreadsheet may be pasted. */
function openTable(content: string, store: StoreTable): void {
  const table = element('textarea', {
    rows: '18',
    wrap: 'off',
    spellcheck: 'false',
    autofocus: true,
    'aria-label': 'Table of the wells',
    'data-testid': 'conditions-text',
  });
  table.value = content;
  const problem = element('p', { class: 'error', role: 'alert', 'data-testid': 'conditions-problem' });
  const save = element('button', { class: 'primary', type: 'button', 'data-testid': 'conditions-store' }, 'Save');
  const dialog = openDialog(
    'Plate map',
    'conditions-dialog',
    () => undefined,
    element(
      'p',
      { class: 'hint' },
      'A row for each well: its name in the column well_name, and in the others what was done to it. ' +
        'Write in it, or paste a table from a spreadsheet in its place.',
    ),
    table,
    problem,
    element('div', { class: 'row end' }, save),
  );
  save.addEventListener('click', () => {
    save.disabled = true;
    store(new Blob([table.value], { type: 'text/csv' }))
      .then(
        () => {
          dialog.close();
        },
        (error: unknown) => {
          problem.textContent = messageOf(error);
        },
      )
      .finally(() => {
        save.disabled = false;
      });
  });
}
