/** What every page of the shell is given. */

import type { Api } from '../api';
import type { Profile } from '../api_types';

export interface Shell {
  readonly api: Api;
  readonly user: Profile;
  /** Whether the user sees a proposal; who only analyses plates is shown no facility. */
  readonly seesProposals: boolean;
  /** Shows the page of an address within the application. */
  readonly goTo: (address: string) => void;
  readonly logOut: () => void;
}
