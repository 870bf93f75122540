/** A page of Svelte with all that it shows. */

import type { Component } from 'svelte';
import { mount, unmount } from 'svelte';

import type { Shell } from './shell';

/** A page that has all that it shows. */
export interface Ready {
  readonly title: string;
  /** Puts it in place; gives what takes it away again. */
  readonly mount: (target: HTMLElement) => () => void;
}

/** Fetches a page; the value is what the address gives it, often the id of an experiment. */
export type Load = (shell: Shell, value: string) => Promise<Ready>;

export function ready<Props extends Record<string, unknown>>(
  component: Component<Props>,
  title: string,
  props: Props,
): Ready {
  const put = (target: HTMLElement) => {
    const mounted = mount(component, { target, props });
    return () => void unmount(mounted);
  };
  return { title, mount: put };
}
