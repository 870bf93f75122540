/** The part of the panel in which channels are switched, coloured and contrasted. */

import type { ChannelDisplay } from './channels';
import { intensityLimit } from './channels';
import type { IntensityWindow } from './contrast';
import { contrastSlider } from './contrast_slider';
import { element } from '../page/dom';

export interface ChannelActions {
  /** A setting moves: show it at once with what is there. */
  paint(): void;
  /** A setting was made: show it as well as possible. */
  refresh(): void;
  /** Finds the window that suits what is on screen; null when there is nothing. */
  autoContrast(display: ChannelDisplay): Promise<IntensityWindow | null>;
}

function channelRow(display: ChannelDisplay, actions: ChannelActions): HTMLElement {
  const { name } = display.channel;
  const testId = `channel-${name}`;
  const visible = element('input', {
    type: 'checkbox',
    'data-testid': `${testId}-visible`,
  });
  visible.checked = display.visible;
  const colour = element('input', {
    type: 'color',
    value: display.colour,
    'aria-label': `Colour of channel ${name}`,
    'data-testid': `${testId}-colour`,
  });
  const slider = contrastSlider(name, display.window, intensityLimit(display.channel), {
    moving: (window) => {
      display.window = window;
      actions.paint();
    },
    settled: (window) => {
      display.window = window;
      actions.refresh();
    },
  });
  const auto = element(
    'button',
    {
      class: 'small',
      title: 'Contrast from what is on screen',
      'aria-label': `Automatic contrast of channel ${name}`,
      'data-testid': `${testId}-auto`,
    },
    'auto',
  );
  auto.addEventListener('click', () => {
    auto.disabled = true;
    void actions.autoContrast(display).then((window) => {
      auto.disabled = false;
      if (window === null) return;
      display.window = window;
      slider.set(window);
      actions.refresh();
    });
  });
  const row = element(
    'li',
    { class: 'channel', 'data-testid': testId },
    element('div', { class: 'row' }, colour, element('label', {}, visible, name), auto),
    slider.element,
  );
  const mark = () => {
    row.classList.toggle('off', !display.visible);
    row.style.setProperty('--colour', display.colour);
  };
  visible.addEventListener('change', () => {
    display.visible = visible.checked;
    mark();
    actions.refresh();
  });
  colour.addEventListener('input', () => {
    display.colour = colour.value;
    mark();
    actions.paint();
  });
  mark();
  return row;
}

export function channelPanel(
  displays: readonly ChannelDisplay[],
  actions: ChannelActions,
): HTMLElement {
  return element(
    'section',
    {},
    element('h2', {}, 'Channels'),
    element('ul', {}, ...displays.map((display) => channelRow(display, actions))),
  );
}
