/** The plates of an experiment and their acquisitions: how many files each has, and their end. */

import type { Api } from '../api';
import { acquisitionPath, experimentPath, messageOf } from '../api';
import type { Acquisition, Plate } from '../api_types';
import { element } from '../page/dom';
import { counted } from '../page/format';
import { ask } from '../page/question';

export class PlateList {
  readonly element = element('section', {
    class: 'plates',
    'aria-label': 'Plates',
    'data-testid': 'plates',
  });

  constructor(
    private readonly api: Api,
    private readonly experimentId: string,
    plates: readonly Plate[],
  ) {
    void this.show(plates);
  }

  /** Asks the server for what is there now. */
  async refresh(): Promise<void> {
    await this.show(await this.api.plates(this.experimentId));
  }

  private async show(plates: readonly Plate[]): Promise<void> {
    const blocks = await Promise.all(plates.map((plate) => this.plate(plate)));
    this.element.replaceChildren(...blocks);
  }

  private async plate(plate: Plate): Promise<HTMLElement> {
    const path = `${experimentPath(this.experimentId)}/plates/${encodeURIComponent(plate.id)}`;
    const rows = await Promise.all(plate.acquisitions.map((each) => this.acquisition(each)));
    return element(
      'div',
      { 'data-testid': `plate-${plate.name}` },
      element(
        'div',
        { class: 'row' },
        element('h2', { class: 'grow' }, plate.name),
        this.remove(`the plate “${plate.name}” with all its files`, path, plate.name),
      ),
      element('ul', { class: 'entries' }, ...rows),
    );
  }

  private async acquisition(acquisition: Acquisition): Promise<HTMLElement> {
    const path = acquisitionPath(this.experimentId, acquisition.id);
    return element(
      'li',
      { class: 'row', 'data-testid': `acquisition-${acquisition.name}` },
      element('span', { class: 'grow' }, acquisition.name),
      element('span', { class: 'hint' }, await this.describeFiles(path)),
      this.remove(`the acquisition “${acquisition.name}” with its files`, path, acquisition.name),
    );
  }

  /** How many have arrived; that this is not known is no reason to show nothing. */
  private async describeFiles(path: string): Promise<string> {
    try {
      return counted(await this.api.data<number>(`${path}/upload/count`), 'file');
    } catch (error) {
      return messageOf(error);
    }
  }

  private remove(what: string, path: string, name: string): HTMLButtonElement {
    return element(
      'button',
      {
        class: 'small',
        type: 'button',
        'aria-label': `Delete ${what}`,
        'data-testid': `delete-${name}`,
        onclick: () => void this.askAndRemove(what, path),
      },
      'Delete',
    );
  }

  private async askAndRemove(what: string, path: string): Promise<void> {
    if (!(await ask(`Delete ${what}?`, 'What was sent has to be sent again then.', 'Delete'))) return;
    try {
      await this.api.send('DELETE', path);
      await this.refresh();
    } catch (error) {
      this.element.append(element('p', { class: 'error', role: 'alert' }, messageOf(error)));
    }
  }
}
