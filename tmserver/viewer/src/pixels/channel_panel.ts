/** The part of the panel in which channels are switched, coloured and contrasted. */

import { element } from '../page/dom';
import type { ChannelDisplay } from './channels';
import { contrastSlider } from './contrast_slider';

export interface ChannelActions {
  /** Contrast or colour has changed: nothing has to be fetched. */
  paint(): void;
  /** Other channels are to be shown. */
  refresh(): void;
  /** Sets the window of a channel to what suits the view. */
  autoContrast(display: ChannelDisplay): Promise<void>;
  /** Sets the window of a channel to what suits all of its images. */
  resetContrast(display: ChannelDisplay): void;
  /** Lets the windows of all channels follow the view, or not. */
  follow(follows: boolean): void;
}

interface ChannelRow {
  readonly element: HTMLElement;
  readonly show: () => void;
  readonly showCounts: (counts: Uint32Array) => void;
}

export interface ChannelPanel {
  readonly element: HTMLElement;
  /** Moves everything to where the channels are set. */
  readonly show: () => void;
  /** Shows how often each intensity of a channel is in view. */
  readonly showCounts: (display: ChannelDisplay, counts: Uint32Array) => void;
}

function channelRow(display: ChannelDisplay, actions: ChannelActions): ChannelRow {
  const { name } = display.channel;
  const testId = `channel-${name}`;
  const visible = element('input', {
    type: 'checkbox',
    'data-testid': `${testId}-visible`,
  });
  const colour = element('input', {
    type: 'color',
    'aria-label': `Colour of channel ${name}`,
    'data-testid': `${testId}-colour`,
  });
  const slider = contrastSlider(display, () => {
    actions.paint();
  });
  const auto = element(
    'button',
    {
      class: 'small',
      title: 'Contrast from what is in view',
      'aria-label': `auto contrast of channel ${name}`,
      'data-testid': `${testId}-auto`,
    },
    'auto',
  );
  auto.addEventListener('click', () => {
    auto.disabled = true;
    void actions.autoContrast(display).then(() => {
      auto.disabled = false;
    });
  });
  const all = element(
    'button',
    {
      class: 'small',
      title: 'Contrast from all images',
      'aria-label': `contrast of channel ${name} from all images`,
      'data-testid': `${testId}-all`,
      onclick: () => {
        actions.resetContrast(display);
      },
    },
    'all',
  );
  const row = element(
    'li',
    { class: 'channel', 'data-testid': testId },
    element('div', { class: 'row' }, colour, element('label', {}, visible, name), auto, all),
    slider.element,
  );
  const show = () => {
    visible.checked = display.visible;
    colour.value = display.colour;
    row.classList.toggle('off', !display.visible);
    row.style.setProperty('--colour', display.colour);
    slider.show();
  };
  visible.addEventListener('change', () => {
    display.visible = visible.checked;
    show();
    actions.refresh();
  });
  colour.addEventListener('input', () => {
    display.colour = colour.value;
    show();
    actions.paint();
  });
  show();
  return { element: row, show, showCounts: slider.showCounts };
}

export function channelPanel(
  displays: readonly ChannelDisplay[],
  isFollowing: boolean,
  actions: ChannelActions,
): ChannelPanel {
  const rows = new Map(displays.map((display) => [display, channelRow(display, actions)]));
  const follows = element('input', { type: 'checkbox', 'data-testid': 'contrast-follows' });
  follows.checked = isFollowing;
  follows.addEventListener('change', () => {
    actions.follow(follows.checked);
  });
  return {
    element: element(
      'section',
      {},
      element('h2', {}, 'Channels'),
      element('ul', {}, ...[...rows.values()].map((row) => row.element)),
      element('label', { class: 'hint' }, follows, 'Contrast follows the view'),
    ),
    show: () => {
      for (const row of rows.values()) row.show();
    },
    showCounts: (display, counts) => {
      rows.get(display)?.showCounts(counts);
    },
  };
}
