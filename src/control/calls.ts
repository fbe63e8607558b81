/** What the control plane can be asked, made once a process: REST, gRPC and the command line call the same. */

import { DraftEdits } from "./draft_edits.ts";
import { History } from "./history.ts";
import { Publication, type PublicationContext } from "./publication.ts";

export interface Calls {
  readonly edits: DraftEdits;
  readonly publication: Publication;
  readonly history: History;
}

export function callsOf(context: PublicationContext): Calls {
  return { edits: new DraftEdits(context), publication: new Publication(context), history: new History(context) };
}
