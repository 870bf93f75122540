/** Something that a button lets the server do: at work, refused, or done. */

import { messageOf } from '../api';

export class Action {
  isBusy = $state(false);
  /** Why the server refused, for the user; empty if it did not. */
  error = $state('');
  /** What to say when it went well. */
  done = $state('');

  /** Does it once, however often it is asked for meanwhile. */
  async run(work: () => Promise<unknown>, done = ''): Promise<boolean> {
    if (this.isBusy) return false;
    this.isBusy = true;
    this.error = this.done = '';
    try {
      await work();
      this.done = done;
      return true;
    } catch (error) {
      this.error = messageOf(error);
      return false;
    } finally {
      this.isBusy = false;
    }
  }
}
