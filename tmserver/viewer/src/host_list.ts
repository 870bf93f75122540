/** Hosts with workers: what they are at, and which of them is sick. */

import { element } from './dom';
import { counted } from './format';
import type { Part } from './keyed';
import { Keyed } from './keyed';
import type { Host } from './operations_api';

class HostRow implements Part<Host> {
  readonly element: HTMLElement;
  private readonly facts = element('span', { class: 'host-facts' });
  private readonly alarm = element('span', { class: 'alarm' });

  constructor(name: string) {
    this.element = element(
      'li',
      { class: 'host', 'data-testid': `host-${name}` },
      element('strong', {}, name),
      this.facts,
      this.alarm,
    );
  }

  update(host: Host): void {
    this.facts.textContent = `${counted(host.busy, 'worker')} busy`;
    this.alarm.textContent =
      host.overdue === 0
        ? ''
        : `${counted(host.overdue, 'job')} without a sign of life: others will take over.`;
  }
}

export class HostList {
  readonly element: HTMLElement;
  private readonly rows: Keyed<Host>;
  private readonly none = element('p', { class: 'hint' }, 'No host is at work.');

  constructor() {
    const list = element('ul', { class: 'hosts' });
    this.rows = new Keyed(list, (name) => new HostRow(name));
    this.element = element('section', { 'aria-label': 'Hosts' }, element('h2', {}, 'Hosts'), list, this.none);
  }

  show(hosts: Readonly<Record<string, Host>>): void {
    const found = Object.entries(hosts).sort(([one], [other]) => one.localeCompare(other));
    this.rows.show(found);
    this.none.hidden = found.length > 0;
  }
}
