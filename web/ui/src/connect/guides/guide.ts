/** What a set-up text is filled in with. */
export interface Place {
  /** Where upstreams hang below: `http://127.0.0.1:4680/edge`, or `…/edge/k/KEY` where agents need a key. */
  edge: string;
  /** The same without the key, for set-ups that send it in a header. */
  open: string;
  key: string;
}

/** Lines to paste. */
export interface Snippet {
  /** What it is for, or where it goes. */
  title: string;
  text: (place: Place) => string;
}

/** What is recorded of an agent now: `part` depends on the protocol that it is set to. */
export type Recorded = 'yes' | 'part';

/** An agent, and how it is pointed at this server. */
export interface AgentGuide {
  id: string;
  name: string;
  /** Slugs of its sessions. */
  slugs: readonly string[];
  recorded: Recorded;
  /** What exactly is recorded, in a sentence or two. */
  scope: string;
  /** Holds for one run. */
  once: readonly Snippet[];
  /** Holds until taken back. */
  permanent: readonly Snippet[];
  /** The key in a header: agents print addresses, and so a key in the path, in their errors. */
  header: readonly Snippet[];
  /** A first prompt without the agent's screen. */
  check: string;
  /** What goes wrong easily. */
  notes: readonly string[];
}
